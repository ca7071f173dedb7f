// What every module builds on, under one name each.
import { h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { render, Fragment };
export { useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback, useId } from "../vendor/hooks.js";
export { signal, computed, effect, batch } from "../vendor/signals.js";
export const html = htm.bind(h);
