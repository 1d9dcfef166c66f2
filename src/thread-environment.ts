/** The environment of a thread that reads what others sent: none of the secrets, the modules as they were compiled before. */
export function threadEnvironment(): Record<string, string> {
  const { NODE_COMPILE_CACHE: compileCache } = process.env;
  return compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache };
}
