import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Certificate } from './certificates.ts';
import type { Cleanup } from './home.ts';

export interface TlsFrontOptions {
  readonly certificate: Certificate;
  /** Who has to have signed the certificates of clients; undefined: they need none. */
  readonly clientCa?: Certificate;
}

/** TLS in front of a server that speaks gRPC without: what a proxy, or the server's own setting, would do. */
export async function tlsFront(
  t: Cleanup,
  address: string,
  { certificate, clientCa }: TlsFrontOptions,
): Promise<{ readonly port: number; connections(): number }> {
  const [host, port] = address.split(':');
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(
    {
      cert: readFileSync(certificate.certPath),
      key: readFileSync(certificate.keyPath),
      ALPNProtocols: ['h2'],
      ...(clientCa !== undefined && { ca: readFileSync(clientCa.certPath), requestCert: true }),
    },
    (near) => {
      connections += 1;
      const far = connect(Number(port), host);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    },
  ).listen(0, '127.0.0.1');
  // Of clients that do not trust it, or that it does not trust.
  server.on('tlsClientError', () => undefined);
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}
