let running: string | undefined;

/** Path of the test file whose tests this process runs now. */
export function testFile(): string {
  return running ?? process.argv[1] ?? '';
}

/** Of a process that runs one file after the other. */
export function setTestFile(path: string): void {
  running = path;
}
