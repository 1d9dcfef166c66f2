import { type Client, isGrpcServiceError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import proto from '@temporalio/proto';
import {
  ID_ATTRIBUTE_NAME,
  KIND_ATTRIBUTE_NAME,
  SEARCH_ATTRIBUTES,
  TABLE_ATTRIBUTE_NAME,
} from './attribute-names.ts';

export const TABLE_ATTRIBUTE = defineSearchAttributeKey(TABLE_ATTRIBUTE_NAME, SearchAttributeType.KEYWORD);
export const KIND_ATTRIBUTE = defineSearchAttributeKey(KIND_ATTRIBUTE_NAME, SearchAttributeType.KEYWORD);
export const ID_ATTRIBUTE = defineSearchAttributeKey(ID_ATTRIBUTE_NAME, SearchAttributeType.KEYWORD);

const ALREADY_EXISTS = 6;
const { INDEXED_VALUE_TYPE_KEYWORD, INDEXED_VALUE_TYPE_INT } = proto.temporal.api.enums.v1.IndexedValueType;
/** As the server numbers them. */
export const ATTRIBUTE_TYPES = { Keyword: INDEXED_VALUE_TYPE_KEYWORD, Int: INDEXED_VALUE_TYPE_INT } as const;

/**
 * Makes the search attributes known to the server. Having them already is not an error.
 * @returns those that it knew before: a server takes some time until all of it knows a new one, and refuses workflows
 *   that have one until then
 */
export async function registerSearchAttributes(
  client: Client,
  namespace: string,
): Promise<ReadonlySet<string>> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  const known = new Set(Object.keys(SEARCH_ATTRIBUTES).filter((name) => name in (customAttributes ?? {})));
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !known.has(name));
  if (missing.length === 0) return known;
  await client.connection.operatorService
    .addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, ATTRIBUTE_TYPES[type]])),
    })
    .catch((error) => {
      if (!isGrpcServiceError(error) || error.code !== ALREADY_EXISTS) throw error;
    });
  return known;
}
