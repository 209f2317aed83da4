// Keeps the page up to date, and says plainly when the daemon does not answer.
(function () {
  'use strict';
  const EVERY = 2000, ANSWER_WITHIN = 5000, STALE = 6000;
  const stale = document.getElementById('stale');
  const said = document.getElementById('said');
  const begun = document.title;
  let seen = Date.now(), failed = false, asking = false, title = begun;

  const age = ms => ms < 60000 ? Math.round(ms / 1000) + ' s'
    : ms < 3600000 ? Math.floor(ms / 60000) + ' min ' + Math.round(ms % 60000 / 1000) + ' s'
    : Math.floor(ms / 3600000) + ' h ' + Math.floor(ms % 3600000 / 60000) + ' min';

  function show() {
    const ms = Date.now() - seen;
    const old = failed || ms > STALE;
    document.documentElement.classList.toggle('stale', old);
    document.title = old ? 'No answer: ' + title : title;
    if (old) {
      stale.textContent = 'The daemon does not answer: last seen ' + age(ms) +
        ' ago. What is shown below is from then.';
    }
    stale.hidden = !old;
  }

  // Replaces what has changed; an open list stays open, and the focus stays where it was.
  // False: it is the page that is shown.
  function take(text) {
    const page = new DOMParser().parseFromString(text, 'text/html');
    const time = page.getElementById('now');
    for (const kind of ['style', 'script']) {
      const own = document.querySelector(kind), other = page.querySelector(kind);
      if (time && other && own.textContent !== other.textContent) {
        location.reload();    // another version of the program
      }
    }
    if (!time) {
      throw new Error('not a status page');
    }
    if (time.dateTime === document.getElementById('now').dateTime) {
      return false;           // the public page is made once a second
    }
    const focus = document.activeElement && document.activeElement.id;
    const open = [...document.querySelectorAll('details[open]')].map(list => list.id);
    for (const id of open) {
      const list = page.getElementById(id);
      if (list) {
        list.open = true;
      }
    }
    const main = document.querySelector('main');
    const [x, y] = [scrollX, scrollY];
    const before = [...main.children], after = [...page.querySelector('main').children];
    const same = before.length === after.length && before.every((e, i) => e.id === after[i].id);
    if (!same) {
      main.replaceChildren(...after);
    } else {
      before.forEach((e, i) => e.isEqualNode(after[i]) || e.replaceWith(after[i]));
    }
    if (focus && document.activeElement.id !== focus && document.getElementById(focus)) {
      document.getElementById(focus).focus({preventScroll: true});
    }
    scrollTo(x, y);
    title = page.title;
    const summary = document.getElementById('summary').textContent;
    if (said.dataset.last !== undefined && said.dataset.last !== summary) {
      said.textContent = summary;     // a screen reader reads a change of the verdict
    }
    said.dataset.last = summary;
    return true;
  }

  async function ask() {
    if (asking) {
      return;
    }
    asking = true;
    try {
      const reply = await fetch(location.pathname, {
        cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(ANSWER_WITHIN)});
      if (!reply.ok) {
        throw new Error(reply.status);
      }
      if (take(await reply.text())) {
        seen = Date.now();
      }
      failed = false;
    } catch (error) {
      failed = true;
    }
    asking = false;
    show();
  }

  said.dataset.last = document.getElementById('summary').textContent;
  setInterval(ask, EVERY);
  setInterval(show, 1000);
  addEventListener('visibilitychange', () => document.hidden || ask());
  addEventListener('pageshow', event => event.persisted && ask());
}());
