import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

// `node --import loaded-modules.mjs`: writes the URL of every module that the process loads, one a line, into the
// file that LOADED_MODULES names.
const urls = [];
registerHooks({
  load(url, context, nextLoad) {
    urls.push(url);
    return nextLoad(url, context);
  },
});
process.on('exit', () => writeFileSync(process.env.LOADED_MODULES, urls.join('\n')));
