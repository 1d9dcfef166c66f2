import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Cleanup } from './home.ts';

/** How a pooler lends its connections: for as long as a client's session lasts, or for a transaction each. */
export type PoolMode = 'session' | 'transaction';

/** Types of messages (PostgreSQL, "Message Formats"). */
const READY = 0x5a;
const KEY_DATA = 0x4b;
const IDLE = 0x49;
const START_UP = 196_608;

/**
 * What a pooler as PgBouncer is to its clients: it refuses a session that begins with options, tells a process ID of its
 * own, and in transaction mode gives a connection back as soon as no transaction is open, for whoever asks next.
 */
export async function poolerTo(t: Cleanup, databaseUrl: string, mode: PoolMode): Promise<string> {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const free: Lent[] = [];
  const waiting: ((lent: Lent) => void)[] = [];
  const give = (lent: Lent) => {
    const next = waiting.shift();
    if (next) next(lent);
    else free.push(lent);
  };
  const hold = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    return socket;
  };
  let clients = 0;
  const server = createServer((near) => {
    hold(near);
    const far = hold(connect(Number(port), hostname));
    const own: Lent = { socket: far };
    let lent: Lent | null = own;
    let begun = false;
    const pid = 1_000_000 + clients++;
    const listenTo = (one: Lent) => {
      one.socket.removeAllListeners('data');
      const split = messages();
      one.socket.on('data', (bytes: Buffer) => {
        for (const message of split(bytes)) {
          if (message[0] === KEY_DATA) message.writeInt32BE(pid, 5);
          near.write(message);
          if (message[0] !== READY) continue;
          begun = true;
          if (mode === 'session' || message[5] !== IDLE) continue;
          lent = null;
          give(one);
        }
      });
    };
    listenTo(own);
    near.on('data', (bytes: Buffer) => {
      if (!begun) {
        if (bytes.length > 8 && bytes.readInt32BE(4) === START_UP && bytes.includes('\0options\0')) {
          near.end(refusal('unsupported startup parameter: options'));
          return;
        }
        far.write(bytes);
      } else if (lent !== null) {
        lent.socket.write(bytes);
      } else {
        const took = (one: Lent) => {
          lent = one;
          listenTo(one);
          one.socket.write(bytes);
        };
        const one = free.pop();
        if (one) took(one);
        else waiting.push(took);
      }
    });
    // A connection of the pool outlives its client.
    near.on('close', () => mode === 'session' && far.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const url = new URL(databaseUrl);
  url.port = String((server.address() as { port: number }).port);
  return url.href;
}

interface Lent {
  readonly socket: Socket;
}

/** Cuts what a server sends into its messages: a type, and a length that counts itself. */
function messages(): (bytes: Buffer) => Buffer[] {
  let left = Buffer.alloc(0);
  return (bytes) => {
    left = Buffer.concat([left, bytes]);
    const whole: Buffer[] = [];
    while (left.length >= 5 && left.length >= 1 + left.readInt32BE(1)) {
      const end = 1 + left.readInt32BE(1);
      whole.push(Buffer.from(left.subarray(0, end)));
      left = left.subarray(end);
    }
    return whole;
  };
}

function refusal(text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head[0] = 0x45;
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}
