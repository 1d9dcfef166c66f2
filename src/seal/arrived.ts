import {
  defaultPayloadConverter,
  type Payload,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding.js';

/**
 * What a sealed payload says of itself, in its metadata, beside who it is for. Pure: it is bundled with the workflows,
 * whose sandbox neither has the keys nor the means to use them. The codec outside checks the seal; here is told what a
 * value is for, and kept together with what its seal says.
 */
export const SEAL = 'seal';
export const USE = 'seal-use';
export const CALL = 'seal-call';
export const CHAIN = 'seal-chain';
/** Encoding of what the codec gives instead of a payload that is not sealed as it has to be; its data is the reason. */
export const REFUSED = 'longshore/refused';

/** Inputs are what is asked (arguments, signals), outputs what is answered: neither is taken for the other. */
export type Use = 'input' | 'output';

export interface Mark {
  readonly use: Use;
  /** Of an activity's input and output: its type. */
  readonly call?: string;
  /** The same: the first run of the chain of runs that called it. */
  readonly chain?: string;
}

/**
 * A value as it came, for the interceptors, which look at its mark and hand the value on.
 *
 *   refused: a reason    not sealed, or not for this
 *   mark: null           no codec is attached: the replay of a history of before there was one
 */
export class Arrived {
  readonly value: unknown;
  readonly mark: Mark | null;
  readonly refused: string | null;

  constructor(value: unknown, mark: Mark | null, refused: string | null) {
    this.value = value;
    this.mark = mark;
    this.refused = refused;
  }

  /** In a failure that is handed on. */
  toJSON(): unknown {
    return this.value;
  }
}

/** Where the module runs in a workflow's sandbox, which has a copy of it for each workflow: which one. */
interface Place {
  readonly workflowId: string;
  readonly chain: string;
}
let place: Place | null = null;
let outgoing: Partial<Mark> = {};

export function enterWorkflow(entered: Place): void {
  place = entered;
}

/** Marks what `work` converts before it first waits. */
export function marking<T>(mark: Partial<Mark>, work: () => T): T {
  const before = outgoing;
  outgoing = mark;
  try {
    return work();
  } finally {
    outgoing = before;
  }
}

/** The SDK's own converter; in workflows, values get their mark, and in workflows and activities they keep it. */
export const payloadConverter: PayloadConverter = {
  toPayload(value, context) {
    const payload = defaultPayloadConverter.toPayload(value, context);
    if (place === null || payload === undefined) return payload;
    return { ...payload, metadata: { ...payload.metadata, ...metadataOf(markFor(place, context)) } };
  },

  fromPayload<T>(payload: Payload, context?: SerializationContext): T {
    if (place === null && context?.type !== 'activity') {
      return defaultPayloadConverter.fromPayload<T>(payload, context);
    }
    if (wordOf(payload, 'encoding') === REFUSED) {
      return new Arrived(undefined, null, decode(payload.data ?? new Uint8Array())) as T;
    }
    return new Arrived(defaultPayloadConverter.fromPayload(payload, context), markOf(payload), null) as T;
  },
};

function markFor({ workflowId, chain }: Place, context: SerializationContext | undefined): Mark {
  // What goes to an activity or another workflow is asked, what stays with this one is its answer.
  const own = context?.type !== 'activity' && context?.workflowId === workflowId;
  return { use: own ? 'output' : 'input', ...(context?.type === 'activity' && { chain }), ...outgoing };
}

export function metadataOf({ use, call, chain }: Mark): Record<string, Uint8Array> {
  return {
    [USE]: encode(use),
    ...(call !== undefined && { [CALL]: encode(call) }),
    ...(chain !== undefined && { [CHAIN]: encode(chain) }),
  };
}

/** null: nobody has checked a seal; the codec takes it away as it does. */
function markOf(payload: Payload): Mark | null {
  const use = wordOf(payload, USE);
  if (use === undefined || payload.metadata?.[SEAL]) return null;
  return { use: use as Use, call: wordOf(payload, CALL), chain: wordOf(payload, CHAIN) };
}

export function wordOf({ metadata }: Payload, name: string): string | undefined {
  const bytes = metadata?.[name];
  return bytes ? decode(bytes) : undefined;
}
