import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namesOfSources, wordsOfRaise } from '../../src/db/raised-words.ts';

const SOURCE = `begin -- it's a comment
  if new.n > 3 then raise exception 'n is %, at most % may', new.n, 3; end if;
  raise notice '%', new.note;
  raise 'it''s 100%% %', new.note using errcode = 'ZZ001';
  insert into audited select * from new.note;
  raise exception 'closed on Sundays';
end`;

describe('the words of what a function raises', () => {
  it('are those of its source, with an ellipsis for each value', () => {
    for (const [message, words] of [
      ['n is 4, at most 3 may', 'n is …, at most … may'],
      ["it's 100% secret", "it's 100% …"],
      ['closed on Sundays', 'closed on Sundays'],
      ['secret', null],
      ['n is 4, at least 3 may', null],
      ['Sundays', null],
    ] as const) {
      assert.equal(wordsOfRaise(message, ['begin end', SOURCE]), words, message);
    }
  });

  it('have only those names that its source has', () => {
    for (const [message, words] of [
      ['relation "audited" does not exist', 'relation "audited" does not exist'],
      ['relation "secret" does not exist', 'relation "…" does not exist'],
      ['record "new" has no field "note"', 'record "new" has no field "note"'],
      ['permission denied for table audited', 'permission denied for table audited'],
      ['permission denied for table secret', 'permission denied for table …'],
      ['column new.secret does not exist', 'column … does not exist'],
      ['function secret(integer, text) does not exist', 'function … text) does not exist'],
      ['syntax error at or near "secret"', 'syntax error at or near "…"'],
      ['operator does not exist: text = integer', 'operator does not exist: text = integer'],
    ] as const) {
      assert.equal(namesOfSources(message, [SOURCE]), words, message);
    }
  });
});
