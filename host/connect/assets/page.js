// What all pages do: ask the server, say what is going on, say what went wrong, go on.

export const main = document.getElementById('main');
export const byId = (id) => document.getElementById(id);

// Problem is an error whose message people are told.
export class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// post sends JSON to our own server and returns its answer.
export async function post(path, value, headers = {}) {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  let answer;
  try {
    answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, credentials: 'same-origin', redirect: 'error' });
  } catch {
    throw new Problem('The server cannot be reached. Try again.', 0);
  }
  const result = await answer.json().catch(() => null);
  if (!answer.ok) throw new Problem(sentence(result?.error_description ?? result?.message ?? `The server answered with status ${answer.status}.`), answer.status);
  return result;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

export function say(text) {
  byId('status').textContent = text;
}

// passkeyProblems are what browsers say of passkeys (WebAuthn 3, 5.1.3 and 5.1.4), in words.
const passkeyProblems = {
  NotAllowedError: 'The passkey was not used: you cancelled, or it took too long. Try again.',
  InvalidStateError: 'This device holds a passkey for you already. Sign in with it.',
};

// tell shows what went wrong, and says it to those who do not see it.
export function tell(error) {
  const box = byId('problem');
  say('');
  const known = error instanceof Problem ? error.message : passkeyProblems[error?.name];
  if (!known) console.error(error);
  box.textContent = known ?? 'Something went wrong on this page. Load it again.';
  box.hidden = false;
  box.focus();
}

export function clear() {
  byId('problem').hidden = true;
}

// busy runs something that a person asked for; meanwhile nothing else can be asked for.
export async function busy(text, run) {
  const buttons = [...document.querySelectorAll('button')].filter((b) => !b.disabled);
  clear();
  say(text);
  for (const b of buttons) b.disabled = true;
  main.setAttribute('aria-busy', 'true');
  try {
    await run();
    return true;
  } catch (error) {
    tell(error);
    return false;
  } finally {
    for (const b of buttons) b.disabled = false;
    main.removeAttribute('aria-busy');
  }
}

// go leaves for an address that the server gave. Addresses that would run something here are none.
export function go(location, keepHistory = false) {
  const to = new URL(location, document.location.origin);
  if (['javascript:', 'data:', 'blob:', 'vbscript:'].includes(to.protocol)) throw new Problem('The address to go on to is none.', 0);
  say('Going on…');
  if (keepHistory) document.location.assign(to.href);
  else document.location.replace(to.href);
}

// stuck shows on a page that had only to wait that it waits in vain.
export function stuck(error) {
  byId('heading').textContent = 'This did not work';
  byId('lead').textContent = 'Nothing was changed, and nothing was sent to an app.';
  byId('spinner').hidden = true;
  byId('heading').after(byId('problem'));
  tell(error);
}

// element makes one with text in it, and others.
export function element(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}
