/**
 * API keys in `longshore.api_key`. Only their owners have the secrets themselves; a revoked key's row stays, so that the
 * audit log's IDs can be looked up.
 */

export type Scope = 'read' | 'write' | 'admin';
