/**
 * `node sdk-download.ts FOLDER`: lets the Temporal SDK download its dev server into FOLDER. The SDK only offers
 * that together with a start, so the server runs for a moment.
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: sdk-download.ts FOLDER');
// Imported here and not above: in an installation without development dependencies this way is closed, no more.
const { TestWorkflowEnvironment } = await import('@temporalio/testing');
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir: folder } },
});
await environment.teardown();
