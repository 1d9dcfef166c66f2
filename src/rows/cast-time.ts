import { anyTime } from './any-moment.ts';
import { formatTime, type Moment, microsOf } from './calendar.ts';
import { compareText } from './cast-date.ts';
import type { Caster } from './field-reading.ts';
import { compileStrptime } from './strptime.ts';

const TIME = /^(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?$/;

/** Table Schema v2 "time": `hh:mm:ss` with an optional fraction, a strptime pattern, or `any`; never an offset. */
export function timeCaster(format: string): Caster {
  const parse = format === 'default' ? isoTime : format === 'any' ? anyTime : compileStrptime(format).parse;
  return {
    expected:
      format === 'default' ? 'a time as hh:mm:ss' : format === 'any' ? 'a time' : `a time as ${format}`,
    cast(cell) {
      const time = parse(cell);
      return time && formatTime(time);
    },
    against: compareText,
  };
}

/** Hour 24 is XML Schema's other way to write midnight, and only with nothing after it. */
function isoTime(cell: string): Pick<Moment, 'hour' | 'minute' | 'second' | 'micros'> | null {
  const match = TIME.exec(cell);
  if (!match) return null;
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const micros = microsOf(match[4]);
  if (hour === 24 && minute === 0 && second === 0 && !/[1-9]/.test(match[4] ?? '')) {
    return { hour: 0, minute: 0, second: 0, micros: 0 };
  }
  return hour > 23 || minute > 59 || second > 59 ? null : { hour, minute, second, micros };
}
