import { z } from 'zod';
import { type ForeignRule, RULE_KINDS } from '../../src/tables/rules-beyond.ts';
import { auditOf } from '../http/audited.ts';
import { mayUseTable, requireTable } from '../http/auth.ts';
import { readJson } from '../http/json-body.ts';
import { defineRoute } from '../http/route.ts';

const tag = 'Tables';
const BODY_MAX_BYTES = 64 * 1024;
const MAX_STEPS = 1_000;

const stepSchema = z
  .object({
    id: z.string().meta({ description: 'Of the rule as it is now; another one once it has changed' }),
    action: z.literal('drop-rule'),
    kind: z.enum(RULE_KINDS),
    table: z.string(),
    rule: z.string().meta({ description: 'Its name in PostgreSQL, by which rejects name it' }),
    definition: z.string().meta({ description: 'As PostgreSQL writes it' }),
    former: z.boolean().meta({
      description: 'An earlier dictionary had it, by its name; false: somebody made it by hand',
    }),
    sql: z.string().meta({ description: 'The statement of this step' }),
  })
  .meta({
    id: 'PlanStep',
    description: 'A rule that PostgreSQL enforces, and that the dictionary does not have',
  });

const schema = z.object({ steps: z.array(stepSchema) });
const content = { 'application/json': { schema } };

const getPlan = defineRoute({
  method: 'get',
  path: '/v1/dictionary/plan',
  tag,
  summary: 'What the database enforces beside the dictionary',
  description:
    'A start only adds to tables. Rules that left the dictionary stay, and rows that break them are rejects; so are ' +
    'rules that somebody made by hand. Each is a step that drops it, which nothing but an `apply` runs.',
  scopes: ['read', 'write'],
  responses: {
    '200': { description: 'The steps, in the order in which they can be run', content },
  },
  async handle({ res, deps, holder }) {
    const rules = await deps.plan.read();
    res.json({ steps: rules.filter(({ table }) => mayUseTable(holder!, table)).map(stepOf) });
  },
});

const bodySchema = z.strictObject({
  steps: z
    .array(z.string().max(64))
    .min(1)
    .max(MAX_STEPS)
    .meta({ description: 'IDs of steps of the plan', example: ['3c1f0a55d2b94e10'] }),
});

const applyPlan = defineRoute({
  method: 'post',
  path: '/v1/dictionary/apply',
  tag,
  summary: 'Run steps of the plan',
  description:
    'All of them or none, in one transaction. Readers and writers of a table wait for a moment. No row is changed; a ' +
    'rule that is dropped can be made again by a dictionary that has it, if the rows fit.',
  scopes: ['admin'],
  audit: 'dictionary.apply',
  requestBody: { required: true, content: { 'application/json': { schema: bodySchema } } },
  responses: { '200': { description: 'The steps that were run', content } },
  problems: ['malformed-body', 'body-too-large', 'plan-changed', 'database-refused', 'database-busy'],
  async handle({ req, res, deps, holder }) {
    const { steps } = await readJson(req, res, bodySchema, BODY_MAX_BYTES);
    if (holder!.tables !== null) {
      const chosen = (await deps.plan.read()).filter(({ id }) => steps.includes(id));
      for (const { table } of chosen) requireTable(holder!, table);
    }
    const dropped = await deps.plan.drop(steps);
    auditOf(res).target = dropped.map(({ table, name }) => `${table}.${name}`).join(', ');
    deps.log.info(
      { dropped: dropped.map(({ drop }) => drop), keyId: holder!.id },
      'Rules were dropped by the plan',
    );
    res.json({ steps: dropped.map(stepOf) });
  },
});

function stepOf({
  id,
  kind,
  table,
  name,
  definition,
  former,
  drop,
}: ForeignRule): z.infer<typeof stepSchema> {
  return { id, action: 'drop-rule', kind, table, rule: name, definition, former, sql: drop };
}

export const planRoutes = [getPlan, applyPlan];
