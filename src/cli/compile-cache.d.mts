export function compileCacheFolder(root: string): string;
export function withCompileCache(root: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv;
