import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../src/temporal/attribute-names.ts';
import { ATTRIBUTE_TYPES } from '../../src/temporal/search-attributes.ts';
import { temporalServer } from './servers.ts';

export interface TestTemporal {
  readonly address: string;
  /** Task queues have fixed names, so tests are kept apart by their namespaces. */
  readonly namespace: string;
}

/** A namespace of the test's own on the run's server, with the search attributes. It ends with the server. */
export async function testTemporal(): Promise<TestTemporal> {
  const address = await temporalServer();
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    await eventually(() =>
      connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(
          Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [name, ATTRIBUTE_TYPES[type]]),
        ),
      }),
    );
  } finally {
    await connection.close();
  }
  return { address, namespace };
}

/** The server's caches know a new namespace only after a moment. */
async function eventually(action: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await action();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
