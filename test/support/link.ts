import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Cleanup } from './home.ts';

/** A server's address of the test's own, behind which the server can go away and come back. */
export interface Link {
  readonly host: string;
  readonly port: number;
  /** Ends every connection and takes no new one. */
  cut(): void;
  /** What the server says is lost once a client has said this text; what it is told still arrives. */
  deafenAfter(text: string): void;
  /** Ends the connection whose client says the next word, which does not arrive. */
  cutAtNextWord(): void;
  mend(): void;
}

export async function linkTo(t: Cleanup, host: string, port: number): Promise<Link> {
  let state: 'whole' | 'deaf' | 'cut' = 'whole';
  let cutsNext = false;
  let deafensAfter: string | null = null;
  const sockets = new Set<Socket>();
  const hold = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(port, host);
    hold(near, far);
    hold(far, near);
    near.on('data', (bytes) => {
      if (deafensAfter !== null && bytes.includes(deafensAfter)) {
        state = 'deaf';
        deafensAfter = null;
      }
      if (!cutsNext) far.write(bytes);
      else near.destroy();
      cutsNext = false;
    });
    far.on('data', (bytes) => state !== 'deaf' && near.write(bytes));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(async () => {
    server.close();
    end();
  });
  return {
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
    cut() {
      state = 'cut';
      end();
    },
    cutAtNextWord() {
      cutsNext = true;
    },
    deafenAfter(text) {
      deafensAfter = text;
    },
    mend() {
      state = 'whole';
    },
  };
}
