import type { LoadView } from '../loads/load-view.ts';
import type { CommandContext } from './context.ts';
import { formatBytes, formatCount, formatSeconds } from './format.ts';

/** Shows how far something is, on stderr: a bar on a terminal, now and then a line elsewhere. */
export interface Progress {
  /** `total` null: not known. */
  update(value: number, total: number | null, text: string): void;
  /** Leaves the last state visible. */
  stop(): void;
}

/** Without a terminal, at most one line in this time. */
const LINE_EVERY_MS = 5_000;

export async function startProgress(label: string, stream: CommandContext['stderr']): Promise<Progress> {
  return stream.isTTY === true ? barProgress(label, stream) : lineProgress(label, stream);
}

/** Where output is for programs. */
export const noProgress: Progress = { update: () => undefined, stop: () => undefined };

async function barProgress(label: string, stream: NodeJS.WritableStream): Promise<Progress> {
  const { Presets, SingleBar } = await import('cli-progress');
  const bar = new SingleBar(
    {
      stream,
      hideCursor: true,
      barsize: 24,
      fps: 8,
      format: `${label} {bar} {percentage}% {text}`,
      // Ctrl-C is handled by the commands, which have something to say.
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0, { text: '' });
  return {
    update(value, total, text) {
      // A total of 0 would show as 100 %.
      bar.setTotal(total === null || total === 0 ? Math.max(1, value * 2) : total);
      bar.update(value, { text });
    },
    stop: () => bar.stop(),
  };
}

function lineProgress(label: string, stream: NodeJS.WritableStream): Progress {
  let writtenAtMs = performance.now();
  return {
    update(value, total, text) {
      if (performance.now() - writtenAtMs < LINE_EVERY_MS) return;
      writtenAtMs = performance.now();
      const share = total === null || total === 0 ? '' : ` ${Math.floor((100 * value) / total)}%`;
      stream.write(`${label}${share} ${text}\n`);
    },
    stop: () => undefined,
  };
}

/** A running load in a few words: state, rows, speed, time left. */
export function describeProgress(load: LoadView): string {
  const { progress, rows } = load;
  const state = load.paused
    ? 'paused'
    : load.queuedBehind === null
      ? load.status
      : `queued behind ${load.queuedBehind}`;
  return [
    state,
    `${formatCount(rows.read)} rows`,
    ...(rows.rejected > 0 ? [`${formatCount(rows.rejected)} rejected`] : []),
    ...(progress.rowsPerSecond === null ? [] : [`${formatCount(Math.round(progress.rowsPerSecond))} rows/s`]),
    ...(progress.secondsLeft === null ? [] : [`${formatSeconds(progress.secondsLeft)} left`]),
  ].join(', ');
}

export function describeUpload(bytes: number, startedAtMs: number): string {
  const seconds = Math.max(0.001, (performance.now() - startedAtMs) / 1000);
  return `${formatBytes(bytes)}, ${formatBytes(Math.round(bytes / seconds))}/s`;
}
