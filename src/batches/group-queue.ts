import { LongshoreError } from '../errors.ts';

/** The properties of an item that the queue needs. */
export interface Queued {
  readonly rows: number;
  /** Size of its body: the memory that it holds in this process. */
  readonly bytes: number;
  /** What a group is of: items with another one are not committed together. */
  readonly of?: object;
}

export interface QueueLimits {
  /** Caps of one group. A batch that exceeds them alone is a group of its own. */
  readonly group: { readonly batches: number; readonly rows: number; readonly bytes: number };
  /** Caps of everything that waits or is being committed in one lane, and (`all`) in all lanes. */
  readonly lane: Room;
  readonly process: Room;
  /**
   * Clients that have just been answered come back together, but not at the very same moment. A group waits until as
   * many batches are there as the group before left behind and answered, but no longer than that one took, nor than
   * this. ms
   */
  readonly gatherMs: number;
}

interface Room {
  readonly batches: number;
  readonly bytes: number;
}

/** One lane holds what may be committed together. */
export interface Lane {
  readonly name: string;
  /** Groups under way at the same time at most. With 1, groups are committed in the order in which they came. */
  readonly inFlight: number;
}

/**
 * Each group has a fixed cost, worth many rows. So another one starts beside one that is under way only when so many
 * rows wait.
 */
const ROWS_BESIDE = 3_000;
interface LaneState<T> {
  readonly lane: Lane;
  readonly waiting: T[];
  inFlight: number;
  /** Totals of what waits and what is under way. */
  batches: number;
  bytes: number;
  /** The lane will be examined at the end of this turn of the event loop. */
  due: boolean;
  /** Batches that the next group waits for, at most until the timer fires. */
  expected: number;
  gathering: NodeJS.Timeout | null;
}

/**
 * Coalesces batches: the first of a lane goes at once; those that arrive while a group is under way form the next one.
 * So a lone batch never waits for others, and groups grow with the load.
 */
export class GroupQueue<T extends Queued> {
  readonly #limits: QueueLimits;
  readonly #run: (lane: Lane, group: readonly T[]) => Promise<void>;
  readonly #lanes = new Map<string, LaneState<T>>();
  readonly #held = { batches: 0, bytes: 0 };
  #stopping = false;
  #whenIdle: (() => void) | null = null;

  /** @param run commits a group and never rejects; its slot is free again when it resolves */
  constructor(limits: QueueLimits, run: (lane: Lane, group: readonly T[]) => Promise<void>) {
    this.#limits = limits;
    this.#run = run;
  }

  /** What waits or is being committed in the lane of this name. */
  heldIn(lane: string): number {
    return this.#lanes.get(lane)?.batches ?? 0;
  }

  get held(): Room {
    return { ...this.#held };
  }

  /** @throws `overloaded stopping`: nothing was taken */
  add(lane: Lane, item: T): void {
    if (this.#stopping) throw new LongshoreError('stopping', 'the process is being stopped');
    const state = this.#stateOf(lane);
    if (!fits(state, item, this.#limits.lane) || !fits(this.#held, item, this.#limits.process)) {
      const { batches, bytes } = this.#held;
      throw new LongshoreError('overloaded', `${batches} batches of ${bytes} bytes are waiting already`);
    }
    this.#hold(state, item, 1);
    state.waiting.push(item);
    this.#look(state);
  }

  /** Accepts no more items; resolves when all accepted ones are done, or after `limitMs` with those that never began. */
  async stop(limitMs: number): Promise<readonly T[]> {
    this.#stopping = true;
    if (this.#held.batches > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenIdle = resolve;
      const timer = setTimeout(resolve, limitMs);
      await promise;
      clearTimeout(timer);
    }
    return [...this.#lanes.values()].flatMap(({ waiting }) => waiting.splice(0));
  }

  #stateOf(lane: Lane): LaneState<T> {
    const known = this.#lanes.get(lane.name);
    if (known) return known;
    const made = {
      lane,
      waiting: [],
      inFlight: 0,
      batches: 0,
      bytes: 0,
      due: false,
      expected: 0,
      gathering: null,
    };
    this.#lanes.set(lane.name, made);
    return made;
  }

  /** Runs after all that this turn of the event loop still has to read, so that concurrent requests form one group. */
  #look(state: LaneState<T>): void {
    if (state.due || state.waiting.length === 0 || state.inFlight >= state.lane.inFlight) return;
    state.due = true;
    setImmediate(() => {
      state.due = false;
      while (mayGo(state, this.#limits.group)) {
        void this.#commit(state, takeGroup(state.waiting, this.#limits.group));
      }
    });
  }

  async #commit(state: LaneState<T>, group: readonly T[]): Promise<void> {
    state.inFlight += 1;
    const begunAtMs = performance.now();
    await this.#run(state.lane, group);
    state.inFlight -= 1;
    this.#gather(state, group.length, performance.now() - begunAtMs);
    for (const item of group) this.#hold(state, item, -1);
    if (this.#held.batches === 0) this.#whenIdle?.();
    this.#look(state);
  }

  #gather(state: LaneState<T>, answered: number, tookMs: number): void {
    if (state.gathering !== null) clearTimeout(state.gathering);
    state.gathering = null;
    state.expected = answered + state.waiting.length;
    const ms = this.#stopping ? 0 : Math.min(this.#limits.gatherMs, tookMs);
    if (state.expected === 1 || ms === 0) return;
    state.gathering = setTimeout(() => {
      state.gathering = null;
      this.#look(state);
    }, ms);
  }

  #hold(state: LaneState<T>, item: T, sign: 1 | -1): void {
    for (const room of [state, this.#held]) {
      room.batches += sign;
      room.bytes += sign * item.bytes;
    }
  }
}

function mayGo<T extends Queued>(state: LaneState<T>, caps: QueueLimits['group']): boolean {
  const { waiting, inFlight, lane, expected, gathering } = state;
  if (waiting.length === 0 || inFlight >= lane.inFlight) return false;
  if (inFlight > 0) return haveRows(waiting, ROWS_BESIDE);
  return gathering === null || waiting.length >= expected || isFull(waiting, caps);
}

function isFull(waiting: readonly Queued[], caps: QueueLimits['group']): boolean {
  return waiting.length >= caps.batches || haveRows(waiting, caps.rows);
}

function haveRows(waiting: readonly Queued[], wanted: number): boolean {
  let rows = 0;
  return waiting.some((item) => {
    rows += item.rows;
    return rows >= wanted;
  });
}

function fits(held: Room, item: Queued, limit: Room): boolean {
  return held.batches < limit.batches && held.bytes + item.bytes <= limit.bytes;
}

/** Takes the first waiting item, and those that follow as long as they fit. */
function takeGroup<T extends Queued>(waiting: T[], caps: QueueLimits['group']): readonly T[] {
  let [count, rows, bytes] = [0, 0, 0];
  for (const item of waiting) {
    if (count === caps.batches || item.of !== waiting[0]?.of) break;
    rows += item.rows;
    bytes += item.bytes;
    if (count > 0 && (rows > caps.rows || bytes > caps.bytes)) break;
    count += 1;
  }
  return waiting.splice(0, count);
}
