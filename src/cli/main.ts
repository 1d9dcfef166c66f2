import { processContext } from './context.ts';
import { runCommand } from './run.ts';

const context = processContext();

// `longshore rejects 5 --csv | head` closes the pipe early; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(context.exitCode);
  throw error;
});

await runCommand(process.argv.slice(2), context);
