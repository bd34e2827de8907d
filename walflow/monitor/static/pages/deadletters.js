// Dead letters: what could not be applied, why, its bytes, and applying it again.
import { useAsked } from "../api.js";
import { html, useState } from "../dom.js";
import { moment, plural, typed, value } from "../format.js";
import { Act, act, Asked, Empty, Grid, href, Search, Sentence, State, tell } from "../parts.js";

function List() {
  const [settled, setSettled] = useState(false);
  const [text, setText] = useState("");
  const asked = useAsked(`/api/deadletters${settled ? "?settled=1" : ""}`, 20);
  return html`
    <h1>Dead letters</h1>
    <div class="bar"><${Search} value=${text} onInput=${setText} what="a reason or table" />
      <label class="check"><input type="checkbox" checked=${settled} onChange=${(event) => setSettled(event.target.checked)} /> replayed and discarded ones too</label></div>
    <${Asked} asked=${asked} what="the dead letters">${({ letters, older, topic }) => {
      const shown = letters.filter((each) => `${each.reason} ${each.table} ${each.origin}`.includes(text));
      if (!shown.length) return html`<${Empty}><p>${letters.length ? "No dead letter has this in it." : html`No dead letter${settled ? "" : " is open"}: what the stream could not apply would be here, with its bytes and the reason. They are kept in the topic <a href=${href("topics", topic)}>${topic}</a>.`}</p><//>`;
      return html`
        <${Grid} label="Dead letters" heads=${["place", "state", "stored", "table", "reason", "origin", "#copies"]}>
          ${shown.map((each) => html`
            <tr key=${each.place}><td class="when"><a href=${href("deadletters", each.place)} data-row>${each.place}</a></td>
              <td><${State} word=${each.state} /></td><td>${moment(each.stored_at)}</td><td>${each.table}</td>
              <td class="reason"><${Sentence} text=${each.reason} /></td><td class="place">${each.origin}</td><td class="number">${each.copies}</td></tr>`)}
        <//>
        ${older > 0 && html`<p class="muted">${plural(older, "older one")} not listed.</p>`}`;
    }}<//>`;
}

function Payload({ name, payload, dump }) {
  return html`
    <h2>${name}</h2>
    ${payload.bytes == null ? html`<p class="muted">null</p>` : html`
      <p class="muted">${plural(payload.bytes, "byte")}${payload.schema_id == null ? "" : `, schema id ${payload.schema_id}`}</p>
      ${payload.undecodable ? html`<p class="wrong">${payload.undecodable}</p>` : html`<pre>${JSON.stringify(payload.datum, null, 2)}</pre>`}
      <details open=${Boolean(payload.undecodable)}><summary>Bytes</summary><pre class="dump">${dump.join("\n")}</pre></details>`}`;
}

function Letter({ place }) {
  const asked = useAsked(`/api/deadletters/${encodeURIComponent(place)}`);
  const replay = async () => {
    const answer = await act(`/api/deadletters/${encodeURIComponent(place)}/replay`);
    if (answer) tell(answer.said, answer.replayed ? "good" : "bad");
    asked.reload();
  };
  return html`
    <p class="crumbs"><a href="#/deadletters">Dead letters</a></p>
    <h1>Dead letter <span class="name">${place}</span></h1>
    <${Asked} asked=${asked} what="the dead letter">${(letter) => html`
      <div class=${`note ${letter.state === "open" ? "bad" : "plain"}`}><p><strong>Why it was not applied:</strong> <${Sentence} text=${letter.reason} /></p>
        ${letter.last_replay && html`<p><strong>Last replay:</strong> <${Sentence} text=${letter.last_replay} /></p>`}</div>
      <div class="bar"><${State} word=${letter.state} />
        <${Act} label="Replay" sure="Apply it again?" kind="primary" what=${replay} />
        <span class="muted">A replay ${letter.replay}. <code>${typed(`deadletters discard ${place}`)}</code> gives it up.</span></div>
      <dl class="pairs">
        ${[["origin", letter.origin], ["table", letter.table], ["written", moment(letter.written_at)], ["stored", moment(letter.stored_at)], ["stamp", letter.stamp],
          ...letter.headers.map(([name, text]) => [`header ${name}`, value(text)])]
          .filter(([, fact]) => fact != null)
          .map(([name, fact]) => html`<dt>${name}</dt><dd>${fact}</dd>`)}
      </dl>
      <${Payload} name="Key" payload=${letter.key} dump=${letter.dump.key} />
      <${Payload} name="Value" payload=${letter.value} dump=${letter.dump.value} />`}<//>`;
}

export function DeadLetters({ path }) {
  return path[0] ? html`<${Letter} key=${path[0]} place=${path[0]} />` : html`<${List} />`;
}
