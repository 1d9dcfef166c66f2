// node report-as-csv.mjs REPORT [QUERY]: prints a report as CSV, page by page. QUERY as in an address:
// 'year=2021&sort=-hired'.
import { api } from './longshore.mjs';

const NEXT = /<([^<>]*)>; rel="next"/;

const [report, query = ''] = process.argv.slice(2);
const accept = { headers: { accept: 'text/csv' } };
for (let path = `/v1/reports/${report}?${query}`, first = true; path !== undefined; first = false) {
  const response = await api(path, accept);
  const csv = await response.text();
  // Each page begins with the header.
  process.stdout.write(first ? csv : csv.slice(csv.indexOf('\n') + 1));
  path = NEXT.exec(response.headers.get('link') ?? '')?.[1];
}
