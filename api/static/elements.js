// Elements of the page. Text goes in as text: nothing here, or anywhere in these scripts, reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, and children that are elements or texts. An attribute that is null or false is left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Change a text only where it is another: what reads the page aloud is not disturbed. */
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

export function classed(place, ...names) {
  const wanted = names.filter(Boolean).join(" ");
  if ((place.getAttribute("class") ?? "") !== wanted) place.setAttribute("class", wanted);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
