/**
 * Keys in `longshore.api_key`. The secrets themselves are nowhere but with their owners; a revoked key's row stays,
 * so that the audit log's IDs can be looked up.
 */

export type Scope = 'read' | 'write' | 'admin';
