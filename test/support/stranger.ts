import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Cleanup } from './home.ts';
import type { TestTemporal } from './temporal.ts';

const { CommandType, EventType, TaskQueueKind } = proto.temporal.api.enums.v1;
type Event = proto.temporal.api.history.v1.IHistoryEvent;
type Failure = proto.temporal.api.failure.v1.IFailure;

export interface ForeignWorkflow {
  readonly workflowType: string;
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly input?: readonly Payload[];
  readonly memo?: Readonly<Record<string, Payload>>;
}

export interface ForeignActivity {
  readonly activityType: string;
  readonly activityId: string;
  readonly taskQueue: string;
  readonly input: readonly Payload[];
}

/** Whoever reaches the Temporal server but has no key: speaks its protocol as a client and as a worker. */
export interface Stranger {
  /** Of a program that uses the SDK as everybody does. */
  readonly client: Client;
  /** A value as Temporal's own command line would send it. */
  payload(value: unknown): Payload;
  start(workflow: ForeignWorkflow): Promise<void>;
  signal(workflowId: string, signalName: string, input?: readonly Payload[]): Promise<void>;
  history(workflowId: string): Promise<readonly Event[]>;
  /** The failure that a workflow ends with; null when it ends otherwise. Waits for the end. */
  failureOf(workflowId: string): Promise<Failure | null>;
  /** Has a workflow of one's own ask for an activity. @returns its failure, or null */
  callActivity(workflowId: string, activity: ForeignActivity): Promise<Failure | null>;
  /** Polls a queue for activities under any identity until the test is over, and answers none. */
  poll(taskQueue: string, identity: string): void;
  /** Identities of those who poll a queue for activities. */
  pollers(taskQueue: string): Promise<readonly string[]>;
  /** Takes the next task of an activity queue and answers it. @returns the type of the activity */
  answerActivity(taskQueue: string, answer: (input: readonly Payload[]) => ForeignAnswer): Promise<string>;
}

export type ForeignAnswer = { readonly result: readonly Payload[] | null } | { readonly failure: Failure };

/** Longer than the server lets a poll wait. */
const WAIT_MS = 90_000;

export async function stranger(t: Cleanup, { address, namespace }: TestTemporal): Promise<Stranger> {
  const connection = await Connection.connect({ address });
  t.after(() => connection.close());
  const { workflowService: service } = connection;
  const identity = 'a stranger';
  const patiently = <T>(call: () => Promise<T>) => connection.withDeadline(Date.now() + WAIT_MS, call);

  async function history(workflowId: string): Promise<readonly Event[]> {
    const { history } = await service.getWorkflowExecutionHistory({ namespace, execution: { workflowId } });
    return history?.events ?? [];
  }

  async function start({ workflowType, workflowId, taskQueue, input, memo }: ForeignWorkflow): Promise<void> {
    await service.startWorkflowExecution({
      namespace,
      identity,
      requestId: crypto.randomUUID(),
      workflowId,
      workflowType: { name: workflowType },
      taskQueue: { name: taskQueue },
      ...(input && { input: { payloads: [...input] } }),
      ...(memo && { memo: { fields: memo } }),
    });
  }

  return {
    client: new Client({ connection, namespace }),
    payload: (value) => defaultPayloadConverter.toPayload(value)!,
    start,
    history,

    async signal(workflowId, signalName, input) {
      const workflowExecution = { workflowId };
      await service.signalWorkflowExecution({
        namespace,
        identity,
        requestId: crypto.randomUUID(),
        workflowExecution,
        signalName,
        ...(input && { input: { payloads: [...input] } }),
      });
    },

    async failureOf(workflowId) {
      const filter = proto.temporal.api.enums.v1.HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
      for (;;) {
        const { history } = await patiently(() =>
          service.getWorkflowExecutionHistory({
            namespace,
            execution: { workflowId },
            waitNewEvent: true,
            historyEventFilterType: filter,
          }),
        );
        const [end] = history?.events ?? [];
        if (end) return end.workflowExecutionFailedEventAttributes?.failure ?? null;
      }
    },

    async callActivity(workflowId, { activityType, activityId, taskQueue, input }) {
      const own = `${workflowId} queue`;
      const queue = { name: own, kind: TaskQueueKind.TASK_QUEUE_KIND_NORMAL };
      await start({ workflowType: 'foreign', workflowId, taskQueue: own });
      for (;;) {
        const task = await patiently(() =>
          service.pollWorkflowTaskQueue({ namespace, identity, taskQueue: queue }),
        );
        if (!task.taskToken?.length) continue;
        const events = await history(workflowId);
        const failed = events.find(
          ({ eventType }) => eventType === EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
        );
        const isOver =
          failed ??
          events.find(({ eventType }) => eventType === EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED);
        const schedule = {
          commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
          scheduleActivityTaskCommandAttributes: {
            activityId,
            activityType: { name: activityType },
            taskQueue: { name: taskQueue },
            input: { payloads: [...input] },
            startToCloseTimeout: { seconds: 20 as never },
            scheduleToCloseTimeout: { seconds: 60 as never },
          },
        };
        const end = {
          commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
          completeWorkflowExecutionCommandAttributes: {},
        };
        await service.respondWorkflowTaskCompleted({
          namespace,
          identity,
          taskToken: task.taskToken,
          commands: [isOver ? end : schedule],
        });
        if (isOver) return failed?.activityTaskFailedEventAttributes?.failure ?? null;
      }
    },

    poll(taskQueue, identity) {
      const ended = new AbortController();
      const again = async () => {
        while (!ended.signal.aborted) {
          // Short ones, so that Temporal sees it again and again.
          await connection
            .withAbortSignal(ended.signal, () =>
              connection.withDeadline(Date.now() + 4_000, () =>
                service.pollActivityTaskQueue({ namespace, identity, taskQueue: { name: taskQueue } }),
              ),
            )
            .catch(() => undefined);
        }
      };
      const polling = again();
      t.after(async () => {
        ended.abort();
        await polling;
      });
    },

    async pollers(taskQueue) {
      const taskQueueType = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY;
      const { pollers } = await service.describeTaskQueue({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType,
      });
      return (pollers ?? []).flatMap(({ identity }) => identity || []);
    },

    async answerActivity(taskQueue, answer) {
      for (;;) {
        const task = await patiently(() =>
          service.pollActivityTaskQueue({ namespace, identity, taskQueue: { name: taskQueue } }),
        );
        if (!task.taskToken?.length) continue;
        const given = answer((task.input?.payloads ?? []) as Payload[]);
        const { taskToken } = task;
        if ('failure' in given) {
          await service.respondActivityTaskFailed({ namespace, identity, taskToken, failure: given.failure });
        } else {
          const result = given.result && { payloads: [...given.result] };
          await service.respondActivityTaskCompleted({ namespace, identity, taskToken, result });
        }
        return task.activityType?.name ?? '';
      }
    },
  };
}
