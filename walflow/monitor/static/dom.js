// Preact with htm: what is between ${…} becomes text or an attribute's value, never markup.
import { Fragment, h, render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);
export { Fragment, render, useEffect, useMemo, useRef, useState };
