/** The password, as it is or percent-encoded, is in the URL or beside it. */
const DATABASE_URL_EXPECTED =
  'expected postgres://user:password@host:5432/database, the password percent-encoded or in DATABASE_PASSWORD';

/** A value, and the variable that said it. */
interface Said {
  readonly name: string;
  readonly text: string;
}

/**
 * The database's URL with the password that was given beside it, in which every character means itself: those of
 * base64 (`/`, `+`, `=`) as well as `@`, `:` and `%`.
 * @returns the URL, or what is wrong with the two, naming their variables and showing neither
 */
export function databaseUrl(
  given: Said | undefined,
  password: Said | undefined,
): { readonly url: string | undefined } | { readonly fault: string } {
  if (given === undefined) {
    if (password === undefined) return { url: undefined };
    return { fault: `${password.name}: set without DATABASE_URL` };
  }
  const url = URL.parse(given.text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || isSplitInPassword(url)) {
    return { fault: `${given.name}: ${DATABASE_URL_EXPECTED}` };
  }
  if (password === undefined) return { url: given.text };
  if (url.password !== '' || url.searchParams.has('password')) {
    return { fault: `${password.name}: there is a password in ${given.name} too; set one of the two` };
  }
  url.password = encodeURIComponent(password.text);
  if (url.password === '') return { fault: `${given.name}: a password needs a host, as in @localhost/` };
  return { url: url.href };
}

/**
 * A password with `/`, `?` or `#` ends the host of a URL: its user is then taken for the host, and what was meant for
 * the host is in the path. One with a `%` that encodes nothing can't be decoded.
 */
function isSplitInPassword(url: URL): boolean {
  if (url.username === '' && (url.pathname + url.hash).includes('@')) return true;
  try {
    decodeURIComponent(url.username + url.password);
    return false;
  } catch {
    return true;
  }
}
