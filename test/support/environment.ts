/** A variable that `global-setup.ts` sets. */
export function fromGlobalSetup(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run tests with "npm test -- FILE"`);
  return value;
}
