import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { weaknessOf } from '../../src/keys/weak-key.ts';

describe('an admin key that somebody chose', () => {
  it('is called weak when it is short, repeats itself or uses few characters', () => {
    const weak = [
      '0123456789abcdef',
      'a'.repeat(64),
      'password'.repeat(6),
      '0123456789abcdef'.repeat(3),
      '01'.repeat(40),
    ];
    for (const text of weak) assert.notEqual(weaknessOf(text), null, text);
  });

  it('is not called weak when it is random', () => {
    for (let no = 0; no < 200; no++) {
      const bytes = randomBytes(32);
      for (const text of [
        bytes.toString('hex'),
        bytes.toString('base64'),
        `${bytes.toString('base64url')}\n`,
      ]) {
        assert.equal(weaknessOf(text), null, text);
      }
    }
  });
});
