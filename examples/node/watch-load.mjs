// node watch-load.mjs LOAD: says every second how far a load is, until it has ended.
import { ended } from './longshore.mjs';

const [id] = process.argv.slice(2);
await ended(`/v1/loads/${id}`, ({ status, progress, rows }) => {
  const { bytes, bytesTotal } = progress;
  console.log(`load ${id} is ${status}: ${bytes} of ${bytesTotal} bytes, ${rows.loaded} rows loaded`);
});
