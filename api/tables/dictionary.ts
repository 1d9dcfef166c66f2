import { mayUseTable } from '../http/auth.ts';
import { defineRoute } from '../http/route.ts';
import { describeDictionary } from './descriptor.ts';
import { dictionarySchema } from './table-schemas.ts';

export const dictionaryRoute = defineRoute({
  method: 'get',
  path: '/v1/dictionary',
  tag: 'Tables',
  summary: 'The dictionary, as a Data Package descriptor',
  scopes: ['read', 'write'],
  responses: {
    '200': {
      description: 'The tables that the key may use, defaults filled in',
      content: { 'application/json': { schema: dictionarySchema } },
    },
  },
  handle({ res, dictionary, holder }) {
    const tables = dictionary.tables.filter((table) => mayUseTable(holder!, table.name));
    res.json(describeDictionary({ ...dictionary, tables }));
  },
});
