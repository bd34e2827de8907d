// Connectors: state, configuration, what can be done with them, and a box to paste a new one into.
import { useAsked } from "../api.js";
import { typed, value } from "../format.js";
import { html, useState } from "../dom.js";
import { Act, act, Asked, Empty, Grid, href, Sentence, State, tell } from "../parts.js";

const EXAMPLE = `{
  "name": "orders",
  "config": {
    "connector.class": "walflow.PromptPostgresConnector"
  }
}`;

function Actions({ name, state, tasks, done }) {
  const to = (action) => async () => {
    const answer = await act(`/api/connectors/${encodeURIComponent(name)}/${action}`);
    if (answer) tell(answer.said);
    done();
  };
  const isHeld = state === "PAUSED" || state === "STOPPED";
  const hasFailed = [state, ...tasks].includes("FAILED");
  return html`
    <div class="actions">
      ${isHeld && html`<${Act} label="Resume" kind="primary" what=${to("resume")} />`}
      ${!isHeld && html`<${Act} label="Pause" sure="Pause?" what=${to("pause")} />`}
      ${hasFailed && html`<${Act} label="Restart what failed" kind="primary" what=${to("restart-failed")} />`}
      ${!isHeld && html`<${Act} label="Restart" sure="Restart?" what=${to("restart")} />`}
      ${state !== "STOPPED" && html`<${Act} label="Stop" sure="Stop?" what=${to("stop")} />`}
    </div>`;
}

function List() {
  const asked = useAsked("/api/connectors", 5);
  return html`
    <div class="title"><h1>Connectors</h1><a class="button" href=${href("connectors", "new")} data-row>Paste a connector</a></div>
    <${Asked} asked=${asked} what="the connectors">${(connectors) => connectors.length ? html`
      <${Grid} label="Connectors" heads=${["connector", "type", "state", "tasks", "actions"]}>
        ${connectors.map((each) => html`
          <tr key=${each.name}>
            <td><a href=${href("connectors", "of", each.name)} data-row>${each.name}</a>${each.reason && html`<div class="wrong"><${Sentence} text=${each.reason} /></div>`}</td>
            <td>${each.type}</td>
            <td><${State} word=${each.connector} /></td>
            <td>${each.tasks.length ? each.tasks.map((task) => html`<${State} word=${task} /> `) : "none"}</td>
            <td><${Actions} name=${each.name} state=${each.connector} tasks=${each.tasks} done=${asked.reload} /></td>
          </tr>`)}
      <//>` : html`<${Empty}><p>Connect has no connector. <a href=${href("connectors", "new")}>Paste one</a>, or run <code>${typed("connectors apply")}</code>, which brings the users' one.</p><//>`}<//>`;
}

function Part({ label, part }) {
  return html`
    <tr><th scope="row">${label}</th><td><${State} word=${part.state} /></td><td>${part.worker}</td>
      <td>${part.causes.length ? html`<pre class="causes">${part.causes.join("\n")}</pre>` : ""}</td></tr>`;
}

function Connector({ name }) {
  const asked = useAsked(`/api/connectors/${encodeURIComponent(name)}`, 5);
  return html`
    <p class="crumbs"><a href="#/connectors">Connectors</a></p>
    <h1 class="name">${name}</h1>
    <${Asked} asked=${asked} what="the connector">${(about) => html`
      <div class="bar"><${Actions} name=${name} state=${about.connector.state} tasks=${about.tasks.map((task) => task.state)} done=${asked.reload} />
        <a class="button" href=${href("connectors", "new", name)}>Change configuration</a></div>
      <${Grid} label="States" heads=${["part", "state", "worker", "why"]}>
        <${Part} label=${`connector (${about.type})`} part=${about.connector} />
        ${about.tasks.map((task) => html`<${Part} key=${task.id} label=${`task ${task.id}`} part=${task} />`)}
      <//>
      ${about.topics.length > 0 && html`<h2>Topics</h2><ul class="inline">${about.topics.map((topic) => html`<li><a href=${href("topics", topic)} data-row>${topic}</a></li>`)}</ul>`}
      ${about.offsets.length > 0 && html`<h2>Offsets</h2><${Grid} label="Offsets" heads=${["partition", "offset"]}>${about.offsets.map((each) => html`<tr><td><code>${value(each.partition)}</code></td><td><code>${value(each.offset)}</code></td></tr>`)}<//>`}
      <h2>Configuration</h2>
      <dl class="pairs">${Object.entries(about.config).sort().map(([key, text]) => html`<dt>${key}</dt><dd>${text}</dd>`)}</dl>`}<//>`;
}

function Change({ change }) {
  if (change.before == null) return html`<li class="new">+ ${change.name}: ${change.after}</li>`;
  if (change.after == null) return html`<li class="old">− ${change.name}: ${change.before}</li>`;
  return html`<li>~ ${change.name}: <del>${change.before}</del> → <ins>${change.after}</ins></li>`;
}

function Outcome({ check }) {
  if (!check) return null;
  if (!check.valid) {
    return html`
      <div class="note bad" role="alert"><p><strong>It cannot be applied.</strong></p>
        <ul class="problems">${check.problems.map((problem) => html`<li><${Sentence} text=${problem} /></li>`)}</ul></div>`;
  }
  return html`
    <div class="note good" role="status"><p><strong>Valid.</strong> Connector ${check.name} would be ${check.would_be}.</p>
      ${check.changes.length > 0 && html`<ul class="diff">${check.changes.map((change) => html`<${Change} change=${change} />`)}</ul>`}</div>`;
}

function Box({ begins }) {
  const [text, setText] = useState(begins);
  const [check, setCheck] = useState(null);
  const validate = async () => setCheck(await act("/api/check-connector", text));
  const apply = async () => {
    const answer = await act("/api/apply-connector", text);
    if (answer) {
      tell(answer.said);
      location.hash = "#/connectors";
    }
  };
  return html`
    <label class="stack">A connector's JSON, as Connect's REST API takes it
      <textarea data-search rows="18" spellcheck="false" value=${text} onInput=${(event) => { setText(event.target.value); setCheck(null); }}></textarea></label>
    <div class="actions">
      <${Act} label="Validate" kind=${check?.valid ? "" : "primary"} what=${validate} disabled=${!text.trim()} />
      <${Act} label="Apply" kind=${check?.valid ? "primary" : ""} sure="Apply it now?" what=${apply} disabled=${!check?.valid} />
      <span class="muted">Validating changes nothing. A secret is best written as a reference, such as ${"${env:SOURCE_PASSWORD}"}.</span>
    </div>
    <${Outcome} check=${check} />`;
}

function Existing({ name }) {
  const asked = useAsked(`/api/connectors/${encodeURIComponent(name)}`);
  return html`<${Asked} asked=${asked} what="the connector">${(about) => html`<${Box} key=${name} begins=${JSON.stringify({ name, config: about.config }, null, 2)} />`}<//>`;
}

function New({ name }) {
  return html`
    <p class="crumbs"><a href="#/connectors">Connectors</a></p>
    <h1>${name ? html`Change <span class="name">${name}</span>` : "New or changed connector"}</h1>
    ${name ? html`<${Existing} name=${name} />` : html`<${Box} begins=${EXAMPLE} />`}`;
}

export function Connectors({ path }) {
  if (path[0] === "new") return html`<${New} key=${path[1]} name=${path[1]} />`;
  if (path[0] === "of") return html`<${Connector} key=${path[1]} name=${path[1]} />`;
  return html`<${List} />`;
}
