/** Exit codes of the `longshore` command. Part of its contract: shown by `--help` and docs/cli.md. */
export const EXIT = {
  /** The command did what it was asked; of a load: every row is in the table. */
  ok: 0,
  /** A load failed or was cancelled, or the platform answered with an error. */
  failed: 1,
  /** The command was not understood, or a file can not be read. Nothing was sent. */
  usage: 2,
  /** The load is done, and some rows were rejected. */
  rejects: 3,
  /** The platform can not be reached, or it refuses the key. */
  noAccess: 4,
  /** Ctrl-C, as shells number it. A load that was being waited for goes on. */
  interrupted: 130,
} as const;

export const EXIT_HELP = `
Exit codes:
  0    done; for a load: every row is in the table
  1    the load failed or was cancelled, or the platform answered with an error
  2    wrong usage, or a file that can not be read; nothing was sent
  3    the load is done, and some rows were rejected
  4    the platform can not be reached, or refuses the key
  130  interrupted by Ctrl-C; a load that was being waited for goes on

Environment:
  LONGSHORE_URL   address of the platform (else --url, or the one that runs from LONGSHORE_HOME)
  LONGSHORE_KEY   the key (else LONGSHORE_ADMIN_KEY or its file, or the admin key in LONGSHORE_HOME)
  LONGSHORE_HOME  the platform's folder (.longshore)
`;

/** Ends the command with a message and a code. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}
