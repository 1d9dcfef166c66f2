// The pages work without this: it shows what a search finds while it is typed, copies code, and folds long lists.

const SUGGESTIONS = 8;
const TYPING_PAUSE_MS = 120;

// Swagger UI was at /docs; its fragments are paths: /docs#/Loads/getLoads.
if (location.pathname === '/docs' && location.hash.startsWith('#/')) {
  location.replace(`/docs/api${location.hash}`);
}

foldOnNarrow();
addCopyButtons();
suggest(document.querySelector('form[role="search"]'));

function foldOnNarrow() {
  if (matchMedia('(min-width: 76rem)').matches) return;
  for (const list of document.querySelectorAll('.columns > details')) list.open = false;
}

function addCopyButtons() {
  // Browsers offer the clipboard on secure origins and on this machine only.
  if (navigator.clipboard === undefined) return;
  for (const block of document.querySelectorAll('pre')) {
    const frame = document.createElement('div');
    frame.className = 'block';
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = 'Copied';
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 1500);
    });
    block.replaceWith(frame);
    frame.append(block, button);
  }
}

/** A combobox (WAI-ARIA) over the answer of the search's own page. */
function suggest(form) {
  const input = form.elements.q;
  const list = document.createElement('ul');
  list.className = 'suggestions';
  list.id = 'longshore-suggestions';
  list.hidden = true;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Sections found');
  form.append(list);
  input.setAttribute('role', 'combobox');
  input.setAttribute('aria-autocomplete', 'list');
  input.setAttribute('aria-controls', list.id);

  let selected = -1;
  let asked = 0;
  let timer;
  close();

  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(ask, TYPING_PAUSE_MS);
  });
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && !list.hidden) {
      event.preventDefault();
      select((selected + step + list.children.length) % list.children.length);
    } else if (event.key === 'Enter' && selected >= 0) {
      event.preventDefault();
      list.children[selected].querySelector('a').click();
      close();
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  list.addEventListener('click', (event) => {
    // The link of an item is all of it; the click that this makes comes here again.
    if (event.target.closest('a') === null) event.target.closest('li')?.querySelector('a').click();
    close();
  });
  form.addEventListener('focusout', (event) => {
    if (!form.contains(event.relatedTarget)) close();
  });
  document.addEventListener('keydown', (event) => {
    const writes = event.target.closest('input, textarea, [contenteditable]') !== null;
    if (event.key !== '/' || writes || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.select();
  });

  async function ask() {
    const number = ++asked;
    const query = input.value.trim();
    if (query === '') return close();
    const response = await fetch(`${form.action}?${new URLSearchParams({ q: query })}`).catch(() => null);
    // Enter leads to the page with all results, and to what went wrong.
    if (response?.ok !== true) return close();
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (number !== asked || document.activeElement !== input) return;
    const found = [...page.querySelectorAll('.results li')].slice(0, SUGGESTIONS);
    for (const [place, item] of found.entries()) {
      item.id = `longshore-suggestion-${place}`;
      item.setAttribute('role', 'option');
      item.querySelector('a').tabIndex = -1;
      // The field keeps the focus, or its list would close before the click.
      item.addEventListener('mousedown', (event) => event.preventDefault());
    }
    list.replaceChildren(...found);
    selected = -1;
    input.removeAttribute('aria-activedescendant');
    list.hidden = found.length === 0;
    input.setAttribute('aria-expanded', String(!list.hidden));
  }

  function select(place) {
    list.children[selected]?.setAttribute('aria-selected', 'false');
    selected = place;
    const item = list.children[place];
    item.setAttribute('aria-selected', 'true');
    item.scrollIntoView({ block: 'nearest' });
    input.setAttribute('aria-activedescendant', item.id);
  }

  function close() {
    asked++;
    selected = -1;
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }
}
