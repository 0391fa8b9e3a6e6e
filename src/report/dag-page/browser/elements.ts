/** HTML and SVG elements with their attributes, children and actions. */

const SVG = 'http://www.w3.org/2000/svg';

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

export function svgElement<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Record<string, string>,
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

/** Clicks, and Enter where something that is no button is focused. */
export function on<Target extends HTMLElement>(target: Target, action: () => void): Target {
  target.addEventListener('click', action);
  if (target.tagName === 'A') target.addEventListener('keydown', (event) => event.key === 'Enter' && action());
  return target;
}
