import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** A certificate with its key, as files of PEM. */
export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
}

/** Why there can be no certificates here, or null. */
export function certificatesFault(): string | null {
  return spawnSync('openssl', ['version']).error
    ? 'there are no certificates to test with: they need openssl'
    : null;
}

/** Makes a certificate in a folder: one that may sign others, or one that `by` has signed, for these names. */
export function makeCertificate(
  folder: string,
  name: string,
  { by, names = [] }: { readonly by?: Certificate; readonly names?: readonly string[] } = {},
): Certificate {
  const made = { certPath: join(folder, `${name}.pem`), keyPath: join(folder, `${name}.key`) };
  const extensions = [
    `basicConstraints=critical,CA:${by === undefined ? 'TRUE' : 'FALSE'}`,
    ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
  ];
  const args = [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${name}`, '-out', made.certPath, '-keyout', made.keyPath],
    ...(by === undefined ? [] : ['-CA', by.certPath, '-CAkey', by.keyPath]),
    ...extensions.flatMap((extension) => ['-addext', extension]),
  ];
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return made;
}
