/** Stands for the API or a worker where only the supervisor is tested: answers with what it was given. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runChild } from '../../src/runtime/child.ts';

await runChild('fake', async ({ config, name }) => {
  const server = createServer((_request, response) =>
    response.end(JSON.stringify({ name, databaseUrl: config.databaseUrl, temporal: config.temporalAddress })),
  );
  const port = name === 'api' ? config.port : 0;
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    info: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
});
