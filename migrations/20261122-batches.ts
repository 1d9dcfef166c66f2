import { Migration } from '@mikro-orm/migrations';

/** Batches and their groups, idempotency keys, rates of keys, signing keys of tokens, and the audit log. */
export class Batches20261122 extends Migration {
  override up(): void {
    // `_load_id` of a row names a load below 2^32, and a group of batches from there on.
    this.addSql('create sequence longshore.batch_group_id as bigint start with 4294967296');
    this.addSql(`
      create table longshore.batch_group (
        id bigint primary key default nextval('longshore.batch_group_id'),
        workflow_id text not null unique,
        run_id text,
        table_name text not null,
        mode text not null check (mode in ('append', 'merge')),
        committed_at timestamptz not null default clock_timestamp()
      )`);
    // What nobody knows of a batch that was lost before it was read is null.
    this.addSql(`
      create table longshore.batch (
        id text primary key,
        group_id bigint not null references longshore.batch_group,
        table_name text not null,
        mode text not null check (mode in ('append', 'merge')),
        strict boolean not null,
        status text not null check (status in ('done', 'failed')),
        first_line int not null,
        rows_sent int,
        rows_accepted int not null,
        rows_rejected int not null,
        rows_discarded int not null,
        error_code text,
        error_message text,
        sent_by text,
        received_at timestamptz,
        constraint every_row_accounted check (rows_sent = rows_accepted + rows_rejected + rows_discarded)
      )`);
    this.addSql('create index batch_by_group on longshore.batch (group_id, first_line)');
    this.addSql('create index batch_by_table on longshore.batch (table_name, group_id, first_line)');
    this.addSql(`
      create table longshore.batch_reject (
        batch_id text not null references longshore.batch on delete cascade,
        index int not null,
        row_sent text not null,
        errors jsonb not null,
        primary key (batch_id, index)
      )`);
    this.addSql(`
      create table longshore.idempotency_key (
        key_id text not null,
        key text not null,
        fingerprint bytea not null,
        batch_id text not null references longshore.batch on delete cascade,
        expires_at timestamptz not null,
        primary key (key_id, key)
      )`);
    this.addSql('create index idempotency_key_expiry on longshore.idempotency_key (expires_at)');
    this.addSql(`
      alter table longshore.api_key
        add column rate_per_second int check (rate_per_second > 0),
        add column burst int check (burst > 0),
        add column created_by text`);
    this.addSql(`
      create table longshore.token_key (
        id text primary key,
        period int not null unique,
        secret bytea not null,
        created_at timestamptz not null default now()
      )`);
    this.addSql(`
      create table longshore.audit (
        id uuid primary key,
        at timestamptz not null,
        key_id text not null,
        key_name text not null,
        action text not null,
        target text,
        table_name text,
        status int not null,
        request_id text not null
      )`);
    this.addSql('create index audit_by_key on longshore.audit (key_id, id)');
    // Written nearly in the order of time, so a few pages of BRIN find any span of it.
    this.addSql('create index audit_by_time on longshore.audit using brin (at)');
  }
}
