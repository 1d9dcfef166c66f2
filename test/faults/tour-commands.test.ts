import { describe } from 'node:test';
import { runPage } from '../support/run-page.ts';

// Beside the tests of faults, as it takes a minute; every part of it has tests of its own in test/stack.
describe("the tour's commands", () => {
  runPage('docs/tour.md');
});
