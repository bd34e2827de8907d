// Schemas: subjects, their versions, and what changed from one to the next.
import { useAsked } from "../api.js";
import { html, useState } from "../dom.js";
import { NONE, plural, typed } from "../format.js";
import { Asked, Empty, Grid, href, Search } from "../parts.js";

function List() {
  const asked = useAsked("/api/schemas");
  const [text, setText] = useState("");
  return html`
    <h1>Schemas</h1>
    <div class="bar"><${Search} value=${text} onInput=${setText} what="a subject" /></div>
    <${Asked} asked=${asked} what="the subjects">${(subjects) => {
      const shown = subjects.filter((each) => each.subject.includes(text));
      if (!shown.length) return html`<${Empty}><p>${subjects.length ? "No subject's name has this in it." : "The registry has no schema yet: Connect registers one with the first record of a topic."}</p><//>`;
      return html`
        <${Grid} label="Subjects" heads=${["subject", "#versions", "#latest", "#schema id", "type"]}>
          ${shown.map((each) => html`
            <tr key=${each.subject}><td><a href=${href("schemas", each.subject)} data-row>${each.subject}</a></td>
              <td class="number">${each.versions ?? NONE}</td><td class="number">${each.latest ?? NONE}</td><td class="number">${each.id ?? NONE}</td><td>${each.type ?? NONE}</td></tr>`)}
        <//>`;
    }}<//>`;
}

function Line({ difference: { where, aspect, before, after } }) {
  if (before == null) return html`<li class="new">+ ${where}: ${aspect} ${after}</li>`;
  if (after == null) return html`<li class="old">− ${where}: ${aspect} ${before}</li>`;
  return html`<li>~ ${where}: ${aspect} <del>${before}</del> → <ins>${after}</ins></li>`;
}

function Version({ version, open }) {
  return html`
    <details class="version" open=${open}>
      <summary data-row>Version ${version.version} <span class="muted">id ${version.id}, ${version.type}${version.before == null ? "" : `, ${version.differences.length ? plural(version.differences.length, "difference") : "no difference"} from version ${version.before}`}</span></summary>
      ${version.differences.length > 0 && html`<ul class="diff">${version.differences.map((each) => html`<${Line} difference=${each} />`)}</ul>`}
      <pre class="schema">${typeof version.schema === "string" ? version.schema : JSON.stringify(version.schema, null, 2)}</pre>
    </details>`;
}

function Subject({ name }) {
  const asked = useAsked(`/api/schemas/${encodeURIComponent(name)}`);
  const topic = name.replace(/-(key|value)$/, "");
  return html`
    <p class="crumbs"><a href="#/schemas">Schemas</a></p>
    <h1 class="name">${name}</h1>
    <${Asked} asked=${asked} what="the versions">${(about) => html`
      <p>${plural(about.versions.length + about.older, "version")}, newest first${about.level && html`; compatibility <strong>${about.level}</strong>${about.level === "NONE" && ": the registry takes any new one"}`}${topic !== name && html`; topic <a href=${href("topics", topic)} data-row>${topic}</a>`}</p>
      ${about.versions.map((version, number) => html`<${Version} key=${version.version} version=${version} open=${number === 0} />`)}
      ${about.older > 0 && html`<p class="muted">${plural(about.older, "older one")} not shown here; <code>${typed(`schemas get ${name} --version 1`)}</code> prints the first.</p>`}`}<//>`;
}

export function Schemas({ path }) {
  return path[0] ? html`<${Subject} key=${path[0]} name=${path[0]} />` : html`<${List} />`;
}
