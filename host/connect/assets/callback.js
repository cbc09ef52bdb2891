// Takes what an outside provider sent back with the person.

import { go, post, stuck } from './page.js';
import { signedIn } from './session.js';

const query = new URLSearchParams(document.location.search);

try {
  const intent = JSON.parse(sessionStorage.getItem('outside') ?? '{}');
  sessionStorage.removeItem('outside');
  const answer = await post('/login/callback', {
    state: query.get('state') ?? '', code: query.get('code') ?? '', error: query.get('error') ?? '', iss: query.get('iss') ?? '',
  });
  if (intent.add) { // a second way to sign in, for the key of a person who is signed in
    sessionStorage.setItem('way', JSON.stringify({ token: answer.token, name: intent.title }));
    go('/account');
  } else {
    await signedIn(answer, intent.title ?? 'another account');
    go(answer.location);
  }
} catch (error) {
  stuck(error);
}
