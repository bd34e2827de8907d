// Preact with htm: what is between ${…} becomes text or an attribute's value, never markup.
import { h, render } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);
export { render, useEffect, useErrorBoundary, useRef, useState };

/** What parts of the page tell each other: reload, escape, theme, locked. */
export const signal = (name, detail) => document.dispatchEvent(new CustomEvent(`walflow-${name}`, { detail }));

/** Does something at each such signal, as long as the part is shown. */
export function useSignal(name, heard) {
  const last = useRef(heard);
  last.current = heard;
  useEffect(() => {
    const listener = (event) => last.current(event.detail);
    document.addEventListener(`walflow-${name}`, listener);
    return () => document.removeEventListener(`walflow-${name}`, listener);
  }, [name]);
}
