/** Files of the corpus that Longshore is known not to read as their answer says, each with the reason. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {};
