import { Readable } from 'node:stream';
import { spec, type TestEvent } from 'node:test/reporters';
import { Slowest } from './slowest.ts';

/** Node's `spec` reporter, with the slowest tests and files before its closing lines. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  yield* Readable.from(withSlowest(events)).compose(spec());
}

async function* withSlowest(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const slowest = new Slowest();
  let told = false;
  for await (const event of events) {
    slowest.see(event);
    if (!told && isFirstClosingLine(event)) {
      told = true;
      yield { type: 'test:stdout', data: { message: `${slowest.text()}\n` } as never };
    }
    yield event;
  }
}

function isFirstClosingLine({ type, data }: TestEvent): boolean {
  return type === 'test:diagnostic' && data.nesting === 0 && /^tests \d+$/.test(data.message);
}
