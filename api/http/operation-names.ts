import type { Route } from './route.ts';

/**
 * What clients that are generated from the OpenAPI document call each operation: verb and object. They are part of the
 * contract, and stay when a path changes. A route without one stops the start of the process.
 */
const NAMES: Readonly<Record<string, string>> = {
  'post /v1/tables/{table}/rows': 'insertRows',
  'get /v1/tables/{table}/rows': 'listRows',
  'post /v1/tables/{table}/loads': 'startLoad',
  'get /v1/loads': 'listLoads',
  'get /v1/loads/{id}': 'getLoad',
  'post /v1/loads/{id}/pause': 'pauseLoad',
  'post /v1/loads/{id}/resume': 'resumeLoad',
  'post /v1/loads/{id}/cancel': 'cancelLoad',
  'get /v1/loads/{id}/rejects': 'listLoadRejects',
  'delete /v1/loads/{id}/rejects': 'deleteLoadRejects',
  'get /v1/loads/{id}/rejects/summary': 'summarizeLoadRejects',
  'get /v1/batches': 'listBatches',
  'get /v1/batches/{id}': 'getBatch',
  'get /v1/batches/{id}/rejects': 'listBatchRejects',
  'get /v1/tables': 'listTables',
  'get /v1/tables/{table}': 'getTable',
  'get /v1/reports': 'listReports',
  'post /v1/reports/{name}/refresh': 'refreshReport',
  'get /v1/arrivals': 'listArrivals',
  'post /v1/arrivals': 'createArrival',
  'get /v1/arrivals/{id}': 'getArrival',
  'put /v1/arrivals/{id}': 'putArrival',
  'patch /v1/arrivals/{id}': 'changeArrival',
  'delete /v1/arrivals/{id}': 'deleteArrival',
  'post /v1/arrivals/{id}/pause': 'pauseArrival',
  'post /v1/arrivals/{id}/resume': 'resumeArrival',
  'post /v1/arrivals/{id}/notify': 'notifyArrival',
  'get /v1/arrivals/{id}/files': 'listArrivalFiles',
  'get /v1/arrivals/{id}/files/{file}': 'getArrivalFile',
  'post /v1/arrivals/{id}/files/{file}/retry': 'retryArrivalFile',
  'post /v1/events/s3': 'receiveS3Events',
  'get /v1/schedules': 'listSchedules',
  'post /v1/schedules': 'createSchedule',
  'get /v1/schedules/{id}': 'getSchedule',
  'patch /v1/schedules/{id}': 'changeSchedule',
  'delete /v1/schedules/{id}': 'deleteSchedule',
  'post /v1/schedules/{id}/trigger': 'triggerSchedule',
  'post /v1/schedules/{id}/pause': 'pauseSchedule',
  'post /v1/schedules/{id}/unpause': 'unpauseSchedule',
  'get /v1/schedules/{id}/retention': 'previewRetention',
  'post /v1/backups': 'startBackup',
  'get /v1/backups': 'listBackups',
  'post /v1/tables/{table}/backups': 'startTableBackup',
  'post /v1/backups/adopt': 'adoptBackups',
  'get /v1/backups/{id}': 'getBackup',
  'delete /v1/backups/{id}': 'deleteBackup',
  'post /v1/backups/{id}/pin': 'pinBackup',
  'post /v1/backups/{id}/unpin': 'unpinBackup',
  'post /v1/backups/{id}/cancel': 'cancelBackup',
  'get /v1/backups/{id}/files/{name}': 'downloadBackupFile',
  'get /v1/backups/{id}/diff': 'compareBackup',
  'post /v1/tables/{table}/restore': 'restoreTable',
  'post /v1/backups/{id}/restore': 'restoreBackup',
  'post /v1/backups/{id}/verify': 'verifyBackup',
  'get /v1/restores': 'listRestores',
  'get /v1/restores/{id}': 'getRestore',
  'post /v1/restores/{id}/cancel': 'cancelRestore',
  'get /v1/copies': 'listCopies',
  'delete /v1/copies/{name}': 'deleteCopy',
  'post /v1/tables': 'createTables',
  'delete /v1/tables/{table}': 'deleteTable',
  'get /v1/removed-tables': 'listRemovedTables',
  'post /v1/removed-tables/{id}/bring-back': 'restoreRemovedTable',
  'delete /v1/removed-tables/{id}': 'deleteRemovedTable',
  'get /v1/dictionary': 'getDictionary',
  'get /v1/dictionary/plan': 'planDictionary',
  'post /v1/dictionary/apply': 'applyDictionary',
  'post /v1/keys': 'createKey',
  'get /v1/keys': 'listKeys',
  'get /v1/keys/{id}': 'getKey',
  'delete /v1/keys/{id}': 'revokeKey',
  'post /v1/tokens': 'createToken',
  'get /v1/audit': 'listAuditEntries',
  'get /healthz': 'checkHealth',
  'get /readyz': 'checkReadiness',
  'get /metrics': 'getMetrics',
  'get /codec': 'openCodec',
  'post /codec/decode': 'decodePayloads',
  'get /docs': 'getDocs',
  'get /docs/api': 'getApiReference',
  'get /docs/search': 'searchDocs',
  'get /docs/{page}': 'getDocsPage',
  'get /docs/project/{page}': 'getProjectPage',
  'get /openapi.json': 'getOpenApi',
};

const REPORT = /^\/v1\/reports\/([^/{}.]+)(\.svg)?$/;

export function operationName({ method, path }: Pick<Route, 'method' | 'path'>): string {
  const name = NAMES[`${method} ${path}`];
  if (name !== undefined) return name;
  const [, report, drawn] = REPORT.exec(path) ?? [];
  if (report === undefined) throw new Error(`${method} ${path} has no name of its operation`);
  const words = report.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const subject = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
  return `${drawn ? 'draw' : 'get'}${subject}Report`;
}
