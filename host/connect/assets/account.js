// The page on which people see and end what they let in, and keep their ways to sign in.

import { call, organization } from './kms.js';
import { busy, byId, element, go, post, Problem, say, tell } from './page.js';
import { create, prove } from './passkey.js';
import { current, currentNonce, proofs, proved, signOut } from './session.js';
import { day, describe, dollars, moment, titleOf } from './words.js';

let session = null;
let organizationId = null;
let enough = false; // the ways that the person signed in with may change the ways at once

// begin begins a login of this page itself, and returns its id.
async function begin() {
  const { location } = await post('/login/start', { account: true });
  return { location, login: new URL(location, document.location.origin).searchParams.get('login') };
}

function item(title, details, ...buttons) {
  const what = element('div', { class: 'what' }, element('strong', {}, title), ...details.filter(Boolean).map((d) => element('small', {}, d)));
  return element('li', {}, what, element('div', { class: 'buttons' }, ...buttons));
}

// button makes one that asks first, if there is something to ask.
function button(text, label, kind, question, run) {
  const b = element('button', { type: 'button', class: `button small ${kind}`, 'aria-label': label }, text);
  b.addEventListener('click', async () => {
    if (question && !(await confirmed(label, question, text))) return;
    let done = 'Done.';
    if (await busy('One moment…', async () => { done = await run() ?? done; })) sayHere(done);
  });
  return b;
}

// sayHere says something where the person is looking, on a page that may be longer than the window.
function sayHere(text) {
  say(text);
  byId('status').scrollIntoView({ block: 'nearest' });
}

// confirmed asks the person, and says whether the answer was yes.
function confirmed(heading, text, yes) {
  const dialog = byId('ask');
  byId('ask-heading').textContent = `${heading}?`;
  byId('ask-text').textContent = text;
  byId('ask-yes').textContent = yes;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

function fill(id, items, empty) {
  byId(id).replaceChildren(...(items.length > 0 ? items : [element('li', { class: 'empty' }, empty)]));
}

async function showConnections() {
  const { connections } = await call(session, 'listConnections', { organizationId });
  fill('connections', connections.map((c) => item(c.appName, [
    c.origin || 'a program on a device',
    c.usdCentsLimitPerDay === undefined ? `until ${moment(c.expiresAtMs)}` : `at most ${dollars(c.usdCentsLimitPerDay)} a day, until ${moment(c.expiresAtMs)}`,
  ], button('End', `End the access of ${c.appName}`, 'danger', 'From its next request on it can do nothing with your wallet. The wallet and what is in it stay yours.', async () => {
    await call(session, 'disconnectApp', { organizationId, clientId: c.clientId });
    await showConnections();
  }))), 'Nothing. Apps that you let in appear here.');
}

async function showWays() {
  const { ways, pending } = await call(session, 'listWays', { organizationId });
  session = await current() ?? session;
  showProofs(ways);
  const gone = `You will not be able to sign in with it any more.${enough ? '' : ' This takes effect after 48 hours, unless it is stopped until then.'}`;
  fill('ways', ways.map((w) => item(titleOf(w), [describe(w)],
    ...(ways.length > 1 ? [button('Remove', `Remove ${titleOf(w)}`, 'danger', w.subject === session.subject ? `${gone} You are signed in with it now.` : gone,
      () => change('removeWay', { wayId: w.id }, true))] : []))), 'None.');
  byId('changes-section').hidden = pending.length === 0;
  fill('changes', pending.map((p) => item(`${p.change === 'add' ? 'Add' : 'Remove'} ${titleOf(p.way)}`, [`from ${moment(p.effectiveAtMs)} on`],
    ...(p.effectiveAtMs <= Date.now() ? [button('Complete', 'Complete the change', '', '', () => change('completeWayChange', { changeId: p.id }))] : []),
    button('Stop', 'Stop the change', 'danger', '', () => change('vetoWayChange', { changeId: p.id })))), 'None.');
}

// showProofs offers to sign in with a second way, where changes would wait for want of it.
function showProofs(ways) {
  const shown = new Set(proofs(session).map((p) => p.subject));
  const used = ways.filter((w) => shown.has(w.subject));
  enough = used.length >= Math.min(2, ways.length) && used.some((w) => w.strong);
  const left = ways.filter((w) => !shown.has(w.subject));
  const has = (kind) => left.some((w) => w.subject.startsWith(kind));
  byId('prove').hidden = ways.length < 2 || !enough && !has('passkey:') && !has('oidc:');
  byId('prove-text').textContent = enough ? 'You signed in with two of your ways: changes take effect at once.'
    : 'Changes wait for 48 hours, in which they can be stopped. Sign in with a second one of your ways, and they take effect at once.';
  byId('prove-passkey').hidden = enough || !has('passkey:');
  for (const b of document.querySelectorAll('[data-prove]')) b.hidden = enough || !has('oidc:');
}

async function change(method, params, proving = false) {
  if (proving) params.proofs = proofs(session).map((p) => p.token);
  const made = await call(session, method, { organizationId, ...params });
  if (made?.way?.subject === session.subject) return leaveForGood(); // the way of this very session is gone
  await showWays();
  return method.endsWith('Way') && made?.pending ? `This takes effect on ${moment(made.pending.effectiveAtMs)}, unless it is stopped until then.` : 'Done.';
}

const addWay = (name, idToken) => change('addWay', { name, idToken }, true);

byId('add-passkey').addEventListener('click', () => busy('Your device asks you to make a passkey…', async () => {
  const { login } = await begin();
  const name = `Passkey of ${day(Date.now())}`;
  const id = await create(login, `Redoubt, ${day(Date.now())}`);
  say('Now use it once…');
  sayHere(await addWay(name, (await prove(login, await currentNonce(), id)).token));
}));

byId('prove-passkey').addEventListener('click', () => busy('Waiting for your passkey…', async () => {
  const { login } = await begin();
  await proved(await prove(login, await currentNonce()));
  await showWays();
  if (!enough) throw new Problem('This passkey is none of your other ways to sign in.', 0);
  sayHere('Done.');
}));

// leave goes to an outside provider, for a sign-in of the key of whoever is signed in.
function leave(name, title, intent) {
  return busy(`Going to ${title}…`, async () => {
    const { login } = await begin();
    const { location } = await post('/login/provider', { login, name, nonce: await currentNonce() });
    sessionStorage.setItem('outside', JSON.stringify({ title, ...intent }));
    go(location, true);
  });
}

for (const b of document.querySelectorAll('[data-provider]')) b.addEventListener('click', () => leave(b.dataset.provider, b.dataset.title, { add: true }));
for (const b of document.querySelectorAll('[data-prove]')) b.addEventListener('click', () => leave(b.dataset.prove, b.dataset.title, { prove: true }));

async function leaveForGood() {
  await signOut();
  go((await begin()).location);
}

byId('sign-out').addEventListener('click', () => busy('Signing out…', leaveForGood));

try {
  session = await current();
  if (!session) {
    go((await begin()).location);
  } else {
    byId('who').textContent = session.label;
    organizationId = await organization(session);
    await showConnections();
    await showWays();
    const way = JSON.parse(sessionStorage.getItem('way') ?? 'null');
    sessionStorage.removeItem('way');
    if (way) sayHere(await addWay(way.name, way.token));
  }
} catch (error) {
  if (error.status === 401) await leaveForGood().catch(tell);
  else tell(error);
}
