import { type Client, isGrpcServiceError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import proto from '@temporalio/proto';
import { KIND_ATTRIBUTE_NAME, SEARCH_ATTRIBUTES, TABLE_ATTRIBUTE_NAME } from './attribute-names.ts';

export const TABLE_ATTRIBUTE = defineSearchAttributeKey(TABLE_ATTRIBUTE_NAME, SearchAttributeType.KEYWORD);
export const KIND_ATTRIBUTE = defineSearchAttributeKey(KIND_ATTRIBUTE_NAME, SearchAttributeType.KEYWORD);

const ALREADY_EXISTS = 6;

/** Makes the search attributes known to the server. Having them already is not an error. */
export async function registerSearchAttributes(client: Client, namespace: string): Promise<void> {
  const { INDEXED_VALUE_TYPE_KEYWORD: keyword } = proto.temporal.api.enums.v1.IndexedValueType;
  const present = await client.connection.operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (present.customAttributes ?? {})));
  if (missing.length === 0) return;
  await client.connection.operatorService
    .addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    })
    .catch((error) => {
      if (!isGrpcServiceError(error) || error.code !== ALREADY_EXISTS) throw error;
    });
}
