// The JSON API: answers as values, refusals as sentences, the token only where something is changed.
import { useEffect, useRef, useSignal, useState } from "./dom.js";
import { typed } from "./format.js";

const TOKEN = "walflow-token";

/** A refusal; its message is a sentence for a person. */
export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

/** The link of `walflow monitor` has the token behind its #; it is kept here and taken out of the address, which may have gone on already. */
export function takeToken(link = location.href) {
  const match = new URL(link).hash.match(/[#&?]token=([^&]+)/);
  if (!match) return;
  localStorage.setItem(TOKEN, decodeURIComponent(match[1]));
  if (location.href === link) history.replaceState(null, "", location.pathname + "#/");
}

export const hasToken = () => Boolean(localStorage.getItem(TOKEN));

async function ask(method, path, body) {
  const headers = {};
  if (method !== "GET") headers["X-Walflow-Token"] = localStorage.getItem(TOKEN) || "";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body });
  } catch {
    throw new Refused(`The monitor does not answer. Is it up? See \`${typed("status")}\`; \`${typed("up monitor")}\` starts it.`, 0);
  }
  let told = null;
  try {
    told = await answer.json();
  } catch {
    // told below
  }
  if (answer.status === 401) localStorage.removeItem(TOKEN); // of a monitor that ran before
  if (!answer.ok) throw new Refused(told?.error || `The monitor answers ${answer.status}.`, answer.status);
  return told;
}

export const get = (path) => ask("GET", path);
export const send = (path, body, method = "POST") => ask(method, path, body);

/** Keeps a token if it opens the actions; else it is refused, and none is kept. */
export async function tryToken(token) {
  localStorage.setItem(TOKEN, token.trim());
  try {
    await send("/api/token");
  } catch (problem) {
    localStorage.removeItem(TOKEN);
    throw problem;
  }
}

/** Something that is asked for when a part is shown, again on `reload`, and every so many seconds. */
export function useAsked(path, seconds = 0) {
  const [state, setState] = useState({ path, value: null, problem: null });
  const again = useRef(null);
  useEffect(() => {
    let gone = false, reading = false, wanted = false;
    // One question at a time: each answer is shown, and what is asked for meanwhile is asked once behind it.
    again.current = async () => {
      wanted = true;
      if (reading) return;
      reading = true;
      while (wanted && !gone) {
        wanted = false;
        try {
          const value = await get(path);
          if (!gone) setState({ path, value, problem: null });
        } catch (problem) {
          if (!gone) setState((old) => ({ path, value: old.path === path ? old.value : null, problem }));
        }
      }
      reading = false;
    };
    again.current();
    return () => { gone = true; };
  }, [path]);
  const reload = () => again.current();
  useSignal("reload", reload);
  useEffect(() => {
    if (!seconds) return undefined;
    const timer = setInterval(() => document.hidden || reload(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  const shown = state.path === path ? state : { value: null, problem: null };
  return { ...shown, reload };
}
