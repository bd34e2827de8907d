// Preact with htm: what is between ${…} becomes text or an attribute's value, never markup.
import { h, render } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);
export { render, useEffect, useErrorBoundary, useRef, useState };
