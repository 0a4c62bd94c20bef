// Copyright (c) 2026, imagewarden contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Shows the report of a fleet. Every name, label and message in it is somebody else's: all of them become text nodes and
// attributes without a meaning, by d3's text() and attr(); nothing here writes HTML, styles or addresses of a report.

(function () {
  "use strict";

  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const report = read("report");
  const isAudit = report.mode === "audit";
  const main = d3.select("#main");
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const ROWS = 50;
  // Rows that need no search.
  const FEW = 6;
  const STATUSES = ["changed", "ok", "failed", "unreachable", "not_run"];
  const STORES = { graphdriver: "graph driver", containerd: "containerd image store" };
  let sections = 0;

  // ---- words and numbers

  // As docker prints sizes, and as the rest of a report does: three digits, decimal units.
  function size(bytes) {
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let power = 0;
    let number = bytes;
    while (Number(number.toPrecision(3)) >= 1000 && power < units.length - 1) {
      number /= 1000;
      power += 1;
    }
    return `${Number(number.toPrecision(3))} ${units[power]}`;
  }

  function known(value, show) {
    return value === null || value === undefined ? "-" : show(value);
  }

  function whole(number) {
    return number.toLocaleString("en");
  }

  function counted(number, noun) {
    return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
  }

  function difference(number, show) {
    if (number === 0) {
      return "-";
    }
    return `${number > 0 ? "+" : "−"}${show(Math.abs(number))}`;
  }

  // A lower bound, an estimate, or the exact number.
  function freed(numbers) {
    if (numbers.space_exact) {
      return size(numbers.space_reclaimed);
    }
    const isEstimate = numbers.space_expected > numbers.space_reclaimed;
    return isEstimate ? `about ${size(numbers.space_expected)}` : `at least ${size(numbers.space_reclaimed)}`;
  }

  function date(text) {
    return text ? text.slice(0, 10) : "-";
  }

  function age(text) {
    if (!text) {
      return "unknown";
    }
    const hours = Math.max(0, (Date.parse(report.generated) - Date.parse(text)) / 3600000);
    return hours < 48 ? `${Math.floor(hours)} h` : `${whole(Math.floor(hours / 24))} d`;
  }

  function words(value) {
    return Array.isArray(value) ? value.map(words).join(", ") : String(value ?? "").replaceAll("_", " ");
  }

  function names(image) {
    return image.references && image.references.length ? image.references.join(", ") : `untagged ${image.id.slice(-12)}`;
  }

  // ---- what hosts come to

  const TOTALS = { images: "Images", containers: "Containers", build_cache: "Build cache" };

  // The newest measurement of an Engine.
  function measured(engine) {
    return engine.after || engine.before || {};
  }

  // The sum of a number of docker system df over a host's Engines; null where none of them was measured.
  function total(host, what, key) {
    const found = host.engines.map((engine) => ((measured(engine).totals || {})[what] || {})[key]);
    const numbers = found.filter((number) => Number.isFinite(number));
    return numbers.length ? d3.sum(numbers) : null;
  }

  function sumOf(host, key) {
    const numbers = Object.keys(TOTALS).map((what) => total(host, what, key)).filter((number) => number !== null);
    return numbers.length ? d3.sum(numbers) : null;
  }

  function disk(host) {
    return d3.max(host.engines, (engine) => (measured(engine).file_system || {}).percent) ?? null;
  }

  function imagesOf(host) {
    const numbers = host.engines.map((engine) => measured(engine).images).filter((number) => Number.isFinite(number));
    return numbers.length ? d3.sum(numbers) : null;
  }

  function described(engine) {
    return engine.engine ? `${engine.engine.version}, ${STORES[engine.engine.store] || engine.engine.store}` : "no answer";
  }

  function rowOf(host, index) {
    return {
      index,
      host,
      name: host.host,
      status: host.status,
      engines: host.engines.map(described).join("; "),
      images: imagesOf(host),
      used: sumOf(host, "size"),
      reclaimable: sumOf(host, "reclaimable"),
      frees: host.space_expected,
      disk: disk(host),
      summary: host.message || host.summary,
    };
  }

  const rows = report.hosts.map(rowOf);

  // ---- parts of the page

  function section(title, note) {
    sections += 1;
    const made = main.append("section").attr("aria-labelledby", `title-${sections}`);
    made.append("h2").attr("id", `title-${sections}`).text(title);
    if (note) {
      made.append("p").attr("class", "note").text(note);
    }
    return made;
  }

  function badge(cell, status) {
    cell.append("span").attr("class", `badge ${status.replace(/[^a-z_]/g, "")}`).text(words(status));
  }

  // A table that sorts by its columns' buttons, searches, and shows so many rows at a time. `open` fills the row below one.
  function table(parent, options) {
    const first = options.first || ROWS;
    const found = { text: "", filter: "", limit: first, column: options.sort, descending: Boolean(options.descending) };
    const searched = options.rows.map((row) => options.columns.map((column) => words(column.value(row))).join("\n").toLowerCase());
    const order = new Map(options.rows.map((row, index) => [row, index]));
    const opened = new Set();
    const controls = parent.append("div").attr("class", "controls");
    if (options.rows.length > FEW) {
      const label = controls.append("label");
      label.append("span").text(`Search ${options.things}`);
      label.append("input").attr("type", "search").attr("autocomplete", "off").on("input", (event) => {
        Object.assign(found, { text: event.target.value.trim().toLowerCase(), limit: first });
        draw();
      });
    }
    if (options.filter && options.rows.length > FEW) {
      const values = d3.sort(new Set(options.rows.map(options.filter.value)));
      const label = controls.append("label");
      label.append("span").text(options.filter.title);
      const select = label.append("select").on("change", (event) => {
        Object.assign(found, { filter: event.target.value, limit: first });
        draw();
      });
      select.append("option").attr("value", "").text("all");
      select.selectAll(null).data(values).join("option").attr("value", (value) => value).text(words);
    }
    const status = controls.append("p").attr("role", "status");
    const region = parent.append("div").attr("class", "scroll").attr("role", "region").attr("tabindex", "0");
    region.attr("aria-label", `${options.title}, a table`);
    const made = region.append("table");
    made.append("caption").attr("class", "unseen").text(options.title);
    const heads = made.append("thead").append("tr").selectAll("th").data(options.columns).join("th");
    heads.attr("scope", "col").classed("number", (column) => column.isNumber);
    heads.append("button").attr("type", "button").text((column) => column.title).on("click", (event, column) => {
      const isSame = found.column === column.title;
      Object.assign(found, { column: column.title, descending: isSame ? !found.descending : Boolean(column.isNumber) });
      draw();
    });
    const body = made.append("tbody");
    const more = parent.append("button").attr("type", "button").attr("class", "more").on("click", () => {
      found.limit += ROWS;
      draw();
    });

    function compare(column) {
      return (one, other) => {
        const [left, right] = [column.value(one), column.value(other)];
        if (left === null || right === null || left === undefined || right === undefined) {
          return (left ?? null) === (right ?? null) ? 0 : (left ?? null) === null ? 1 : -1;
        }
        const ascending = column.isNumber ? d3.ascending(left, right) : collator.compare(words(left), words(right));
        return found.descending ? -ascending : ascending;
      };
    }

    function draw() {
      const column = options.columns.find((candidate) => candidate.title === found.column);
      const isShown = (row) =>
        searched[order.get(row)].includes(found.text) && (!found.filter || options.filter.value(row) === found.filter);
      const chosen = options.rows.filter(isShown);
      const sorted = column ? d3.sort(chosen, compare(column)) : chosen;
      const shown = sorted.slice(0, found.limit);
      heads.attr("aria-sort", (head) => {
        if (head.title !== found.column) {
          return null;
        }
        return found.descending ? "descending" : "ascending";
      });
      status.text(`${whole(shown.length)} of ${counted(options.rows.length, options.thing)} shown`);
      more.attr("hidden", sorted.length > shown.length ? null : "");
      more.text(`Show ${whole(Math.min(ROWS, sorted.length - shown.length))} more`);
      body.selectAll("tr").remove();
      shown.forEach((row) => drawRow(row));
    }

    function drawRow(row) {
      const line = body.append("tr");
      options.columns.forEach((column, index) => {
        const cell = line.append(index === 0 ? "th" : "td").classed("number", Boolean(column.isNumber));
        cell.attr("class", column.name || cell.attr("class"));
        if (index === 0) {
          cell.attr("scope", "row");
        }
        if (index === 0 && options.open) {
          opener(cell, line, row, column.show(row));
        } else if (column.draw) {
          column.draw(cell, row);
        } else {
          cell.text(column.show(row));
        }
      });
      if (opened.has(row)) {
        unfold(line, row);
      }
    }

    function opener(cell, line, row, text) {
      const button = cell.append("button").attr("type", "button").attr("class", "open").text(text);
      button.attr("aria-expanded", String(opened.has(row))).on("click", () => {
        if (opened.has(row)) {
          opened.delete(row);
          d3.select(line.node().nextSibling).remove();
        } else {
          opened.add(row);
          unfold(line, row);
        }
        button.attr("aria-expanded", String(opened.has(row)));
      });
    }

    function unfold(line, row) {
      const below = body.insert("tr", () => line.node().nextSibling).attr("class", "below");
      options.open(below.append("td").attr("colspan", options.columns.length), row);
    }

    draw();
  }

  function text(title, value, name) {
    return { title, value, name, show: (row) => words(value(row)) || "-" };
  }

  // Text that is shown as it is: a name may have an underscore.
  function name(title, value, className) {
    return { title, value, name: className, show: (row) => String(value(row) || "-") };
  }

  function number(title, value, show) {
    return { title, value, isNumber: true, show: (row) => known(value(row), show) };
  }

  function status(title, value) {
    return { title, value, draw: (cell, row) => badge(cell, value(row)), show: (row) => words(value(row)) };
  }

  function time(title, value) {
    return { title, value, show: (row) => (value(row) ? `${date(value(row))} (${age(value(row))})` : "-") };
  }

  // ---- the fleet

  function overview() {
    const made = section("Fleet");
    const numbers = report.total;
    const broken = numbers.failed + numbers.unreachable;
    const cards = [["Hosts", whole(numbers.hosts), statuses(numbers), "hosts"]];
    Object.entries(TOTALS).forEach(([what, title]) => {
      const found = rows.map((row) => total(row.host, what, "size")).filter((bytes) => bytes !== null);
      const reclaimable = d3.sum(rows, (row) => total(row.host, what, "reclaimable"));
      const missing = rows.length - found.length;
      const note = `${size(reclaimable)} reclaimable${missing ? `; ${counted(missing, "host")} not measured` : ""}`;
      cards.push([title, found.length ? size(d3.sum(found)) : "-", found.length ? note : "not measured", what]);
    });
    const changes = [
      [numbers.containers_removed, "container"],
      [numbers.references_untagged, "reference"],
      [numbers.images_deleted, "image"],
      [numbers.cache_records_deleted, "cache record"],
    ];
    const told = changes.filter(([count]) => count).map(([count, noun]) => counted(count, noun));
    cards.push([isAudit ? "This would free" : "This freed", freed(numbers), told.join(", ") || "nothing to do", "freed"]);
    cards.push(["Failed hosts", whole(broken), broken ? "see below" : "none", broken ? "failures bad" : "failures"]);
    const engines = report.hosts.flatMap((host) => host.engines).filter((engine) => engine.engine);
    cards.push(["Engines", whole(engines.length), tally(engines, (engine) => engine.engine.version), "engines"]);
    const stores = tally(engines, (engine) => `${STORES[engine.engine.store] || engine.engine.store} (${engine.engine.driver})`);
    cards.push(["Stores", whole(new Set(engines.map((engine) => engine.engine.store)).size), stores, "stores"]);
    const list = made.append("dl").attr("class", "cards");
    cards.forEach(([title, value, note, className]) => {
      const card = list.append("div").attr("class", `card ${className}`);
      card.append("dt").text(title);
      card.append("dd").attr("class", "value").text(value);
      card.append("dd").attr("class", "note").text(note);
    });
  }

  function statuses(numbers) {
    return STATUSES.filter((one) => numbers[one]).map((one) => `${whole(numbers[one])} ${words(one)}`).join(", ");
  }

  // How often each value is there, the most frequent first.
  function tally(items, value) {
    const counts = d3.sort(d3.rollups(items, (group) => group.length, value), (pair) => -pair[1]);
    const shown = counts.slice(0, 4).map(([key, count]) => `${key} (${whole(count)})`);
    return shown.concat(counts.length > 4 ? [`and ${counts.length - 4} more`] : []).join(", ") || "none answered";
  }

  function failures() {
    const broken = rows.filter((row) => row.status === "failed" || row.status === "unreachable");
    if (!broken.length) {
      return;
    }
    const made = section("Failures", isAudit ? "" : "What these hosts did before they failed is in the table of hosts.");
    table(made, {
      title: "Failures",
      things: "failures",
      thing: "failure",
      rows: broken,
      columns: [
        name("Host", (row) => row.name),
        status("Status", (row) => row.status),
        name("Message", (row) => row.host.message, "long"),
      ],
    });
  }

  // ---- the chart

  const MEASURES = {
    used: ["space used", (row) => row.used],
    reclaimable: ["reclaimable space", (row) => row.reclaimable],
    frees: [isAudit ? "space that this would free" : "space that this freed", (row) => row.frees],
  };
  const BARS = 20;

  function chart() {
    const drawable = rows.filter((row) => row.used !== null);
    const made = section("Hosts by space");
    if (!drawable.length) {
      made.append("p").text("No host was measured.");
      return;
    }
    const controls = made.append("div").attr("class", "controls");
    const label = controls.append("label");
    label.append("span").text("Hosts with the most");
    const select = label.append("select");
    select.selectAll(null).data(Object.entries(MEASURES)).join("option").attr("value", ([key]) => key).text(([, [title]]) => title);
    const legend = controls.append("ul").attr("class", "legend");
    [
      ["needed", "used, and needed"],
      ["reclaimable", "reclaimable, as docker system df counts it"],
      ["frees", MEASURES.frees[0]],
    ].forEach(([className, title]) => {
      const item = legend.append("li");
      item.append("span").attr("class", `swatch ${className}`).attr("aria-hidden", "true");
      item.append("span").text(title);
    });
    const frame = made.append("div").attr("class", "chart");
    const draw = () => drawChart(frame, drawable, select.property("value"));
    select.on("change", draw);
    let width = frame.node().clientWidth;
    window.addEventListener("resize", () => {
      if (frame.node().clientWidth !== width) {
        width = frame.node().clientWidth;
        draw();
      }
    });
    draw();
  }

  function drawChart(frame, drawable, measure) {
    const [title, value] = MEASURES[measure];
    const shown = d3.sort(drawable, (row) => -value(row)).slice(0, BARS);
    const width = Math.max(280, frame.node().clientWidth);
    const [left, step, head] = [Math.min(220, Math.round(width * 0.34)), 26, 26];
    const x = d3.scaleLinear([0, d3.max(shown, (row) => Math.max(row.used, row.frees, 1))], [left, width - 70]).nice(4);
    frame.selectAll("*").remove();
    const svg = frame.append("svg").attr("width", width).attr("height", head + step * shown.length).attr("role", "img");
    svg.attr("viewBox", [0, 0, width, head + step * shown.length]);
    svg.attr("aria-label", `The ${counted(shown.length, "host")} of ${whole(rows.length)} with the most ${title}. The table of hosts has the numbers.`);
    const axis = d3.axisTop(x).ticks(Math.max(2, Math.floor((width - left) / 120))).tickSizeInner(-step * shown.length).tickFormat(size);
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${head})`).call(axis);
    const bars = svg.selectAll(null).data(shown).join("g").attr("transform", (_row, index) => `translate(0,${head + index * step})`);
    bars.append("title").text((row) => `${row.name}: ${size(row.used)} used, ${size(row.reclaimable)} reclaimable, ${freed(row.host)} ${isAudit ? "would be freed" : "freed"}`);
    bars.append("text").attr("x", left - 8).attr("y", 17).attr("text-anchor", "end").text((row) => shortened(row.name, left / 7.5));
    const needed = (row) => Math.max(0, row.used - row.reclaimable);
    bar(bars, "needed", 5, 12, () => 0, needed);
    bar(bars, "reclaimable", 5, 12, needed, (row) => Math.min(row.used, row.reclaimable));
    bar(bars, "frees", 18, 4, () => 0, (row) => row.frees);
    bars.append("text").attr("x", (row) => x(row.used) + 6).attr("y", 16).attr("class", "amount").text((row) => size(row.used));

    function bar(parent, className, y, height, from, length) {
      const rect = parent.append("rect").attr("class", className).attr("y", y).attr("height", height);
      rect.attr("x", (row) => x(from(row))).attr("width", (row) => x(from(row) + length(row)) - x(from(row)));
    }
  }

  function shortened(value, most) {
    const characters = Array.from(value);
    return characters.length <= most ? value : `${characters.slice(0, Math.max(1, Math.floor(most) - 1)).join("")}…`;
  }

  // ---- rules, and images on many hosts

  function rules() {
    const made = section("By rule", isAudit ? "What would happen to containers, images and build cache, and why." : "What happened to containers, images and build cache, and why.");
    if (!report.rules.length) {
      made.append("p").text("The report lists nothing.");
      return;
    }
    const largest = d3.max(report.rules, (rule) => rule.size) || 1;
    table(made, {
      title: "By rule",
      things: "rules",
      thing: "rule",
      first: 15,
      rows: report.rules,
      columns: [
        name("Rule", (rule) => rule.rule || "no rule"),
        status("Verdict", (rule) => rule.action),
        text("Stage", (rule) => rule.stage),
        text("Of", (rule) => rule.kind),
        number("Number", (rule) => rule.count, whole),
        {
          ...number("Size", (rule) => rule.size, size),
          draw: (cell, rule) => {
            cell.append("meter").attr("max", largest).attr("value", rule.size).attr("aria-hidden", "true");
            cell.append("span").text(size(rule.size));
          },
        },
      ],
    });
    made.append("p").attr("class", "note").text("Sizes are those of the things themselves. Images share layers: what their removal frees is less.");
  }

  function shared() {
    if (!report.shared.length) {
      return;
    }
    const made = section("Images on many hosts", "Of the images that the report lists.");
    table(made, {
      title: "Images on many hosts",
      things: "images",
      thing: "image",
      first: 15,
      rows: report.shared,
      columns: [
        name("Image", names, "long"),
        name("ID", (image) => image.id),
        number("Hosts", (image) => image.hosts, whole),
        number(isAudit ? "Would be deleted on" : "Deleted on", (image) => image.deleted, whole),
        number("Size", (image) => image.size, size),
        number("On all hosts", (image) => image.size * image.hosts, size),
      ],
    });
  }

  function keptByList() {
    if (!report.kept_by_list.length) {
      return;
    }
    const made = section("Kept by a list", "What keep.images keeps of what the policies select, such as for other hosts.");
    table(made, {
      title: "Kept by a list",
      things: "kept images",
      thing: "image",
      first: 15,
      rows: report.kept_by_list,
      columns: [
        name("Kept", (kept) => kept.target, "long"),
        name("Reason", (kept) => kept.reason, "long"),
        number("Hosts", (kept) => kept.hosts, whole),
      ],
    });
  }

  // ---- the hosts

  function hosts() {
    const made = section("Hosts", "A host's name opens what is known of it: each image with its verdict and reason, containers, and build cache.");
    made.attr("id", "hosts");
    table(made, {
      title: "Hosts",
      things: "hosts",
      thing: "host",
      rows,
      filter: { title: "Status", value: (row) => row.status },
      open: openHost,
      columns: [
        name("Host", (row) => row.name),
        status("Status", (row) => row.status),
        number("Used", (row) => row.used, size),
        number("Reclaimable", (row) => row.reclaimable, size),
        { ...number(isAudit ? "Would free" : "Freed", (row) => row.frees, size), show: (row) => freed(row.host) },
        number("Disk", (row) => row.disk, (percent) => `${percent} %`),
        number("Images", (row) => row.images, whole),
        name("Summary", (row) => row.summary, "long"),
        name("Engines", (row) => row.engines),
      ],
    });
  }

  let packed = null;

  // The last element of the page: it may still be on its way when the first host is opened.
  const isWhole = new Promise((resolve) => {
    document.addEventListener("DOMContentLoaded", resolve);
  });

  async function stagesOf(index) {
    await isWhole;
    packed = packed || document.getElementById("details").textContent.split("\n");
    const bytes = Uint8Array.from(atob(packed[index]), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  async function openHost(cell, row) {
    const made = cell.append("div").attr("class", "host");
    const waiting = made.append("p").attr("role", "status").text("Opening …");
    try {
      const engines = await stagesOf(row.index);
      waiting.remove();
      made.append("p").text(row.host.summary);
      drawElsewhere(made, row.host.keep_used_on);
      row.host.engines.forEach((engine, number) => drawEngine(made, row, engine, engines[number]));
      if (!row.host.engines.length) {
        made.append("p").text("There is no result of an Engine.");
      }
    } catch (error) {
      waiting.text(`This browser cannot unpack the host's images (${error.message}). They are in report.json.`);
    }
  }

  function drawElsewhere(made, elsewhere) {
    if (!elsewhere) {
      return;
    }
    const unknown = elsewhere.unknown.map((one) => `${one.host} (${one.reason})`).join(", ");
    const known = unknown ? ` It is not known what is used on ${unknown}.` : "";
    made.append("p").attr("class", "note").text(`The policy keeps here what ${counted(elsewhere.hosts, "host")} of image_cleanup_keep_used_on use.${known}`);
  }

  function drawEngine(made, row, engine, stages) {
    const address = engine.docker_host || "the default Engine";
    const title = row.host.engines.length > 1 ? `${row.name}, ${address}` : row.name;
    made.append("h3").text(title);
    const facts = made.append("dl").attr("class", "facts");
    const fact = (title, value) => {
      const item = facts.append("div");
      item.append("dt").text(title);
      item.append("dd").text(value);
    };
    fact("Engine", engine.engine ? `${engine.engine.version}, API ${engine.engine.api_version}` : "did not answer");
    fact("Address", address);
    if (engine.engine) {
      fact("Store", `${STORES[engine.engine.store] || engine.engine.store}, ${engine.engine.driver}`);
    }
    const { totals, file_system: fileSystem } = measured(engine);
    Object.entries(totals || {}).forEach(([what, numbers]) => {
      if (numbers) {
        fact(TOTALS[what] || words(what[0].toUpperCase() + what.slice(1)), `${size(numbers.size)}, ${size(numbers.reclaimable)} reclaimable`);
      }
    });
    if (fileSystem) {
      fact("File system", `${fileSystem.path}: ${fileSystem.percent} % of ${size(fileSystem.total)} used`);
    }
    fact(isAudit ? "Would free" : "Freed", freed(engine));
    if (engine.message) {
      made.append("p").attr("class", "bad").text(engine.message);
    }
    made.selectAll(null).data(engine.notices || []).join("p").attr("class", "note").text((notice) => notice);
    drawImages(made, title, stages);
    drawContainers(made, title, stages);
    drawRecords(made, title, stages);
    drawConflicts(made, title, stages);
    drawKept(made, title, stages);
  }

  // What the stages list. Of what a later stage lists again, the earlier ones say only what they changed.
  function listed(stages, key) {
    const found = Object.entries(stages || {}).flatMap(([stage, result]) => (result[key] || []).map((entry) => ({ stage, ...entry })));
    const last = new Map(found.map((entry) => [entry.id, entry]));
    return found.filter((entry) => entry.action !== "kept" || last.get(entry.id) === entry);
  }

  function list(made, where, title, thing, entries, columns, sort) {
    made.append("h4").text(`${title} (${whole(entries.length)})`);
    table(made.append("div"), {
      title: `${title} of ${where}`,
      things: title.toLowerCase(),
      thing,
      rows: entries,
      filter: { title: "Verdict", value: (entry) => entry.action },
      columns,
      sort,
      descending: true,
    });
  }

  const VERDICT = [
    status("Verdict", (entry) => entry.action),
    name("Reason", (entry) => entry.reason, "long"),
    name("Rule", (entry) => [entry.rule || []].flat().join(", ")),
  ];

  function users(image) {
    return (image.containers || []).map((user) => `${user.name} (${user.state})`).join(", ");
  }

  function drawImages(made, where, stages) {
    const images = listed(stages, "images");
    const ran = ["images", "policy"].some((stage) => stages && stages[stage]);
    if (!images.length) {
      if (ran) {
        made.append("p").attr("class", "note").text("No image changes. With details: all, the report lists the kept ones too.");
      }
      return;
    }
    const columns = [name("Image", names, "long"), ...VERDICT, number("Size", (image) => image.size, size)];
    columns.push(time("Created", (image) => image.created));
    if (images.some((image) => image.last_used)) {
      columns.push(time("Last used", (image) => image.last_used));
    }
    columns.push(name("Containers", users), name("ID", (image) => image.id), text("Stage", (image) => image.stage));
    list(made, where, "Images", "image", images, columns, "Size");
    const since = ((stages || {}).policy || {}).usage_known_since;
    if (since) {
      made.append("p").attr("class", "note").text(`Every use of an image is known since ${date(since)} (${age(since)}).`);
    }
    if (!images.some((image) => image.action === "kept")) {
      made.append("p").attr("class", "note").text("Kept images are not listed: details: all lists them.");
    }
  }

  function drawContainers(made, where, stages) {
    const containers = listed(stages, "containers");
    if (!containers.length) {
      return;
    }
    const columns = [name("Container", (one) => one.name), ...VERDICT, text("State", (one) => one.state)];
    columns.push(name("Image", (one) => one.image, "long"), number("Size", (one) => one.size, size), name("ID", (one) => one.id));
    list(made, where, "Containers", "container", containers, columns, "Size");
  }

  function drawRecords(made, where, stages) {
    const records = listed(stages, "records");
    if (!records.length) {
      return;
    }
    const columns = [name("Record", (record) => record.description || record.id, "long"), ...VERDICT];
    columns.push(text("Type", (record) => record.type), number("Size", (record) => record.size, size));
    columns.push(time("Created", (record) => record.created), time("Last used", (record) => record.last_used));
    columns.push(number("Uses", (record) => record.usage_count, whole));
    list(made, where, "Build cache", "record", records, columns, "Size");
  }

  function drawConflicts(made, where, stages) {
    const conflicts = Object.values(stages || {}).flatMap((result) => result.conflicts || []);
    if (!conflicts.length) {
      return;
    }
    made.append("h4").text(`Conflicts (${whole(conflicts.length)})`);
    table(made.append("div"), {
      title: `Conflicts of ${where}`,
      things: "conflicts",
      thing: "conflict",
      rows: conflicts,
      columns: [
        name("Target", (conflict) => conflict.target, "long"),
        name("Reason", (conflict) => conflict.reason, "long"),
        name("Remedy", (conflict) => conflict.remedy, "long"),
      ],
    });
  }

  function drawKept(made, where, stages) {
    const kept = Object.values(stages || {}).flatMap((result) => result.kept_by_list || []);
    if (!kept.length) {
      return;
    }
    made.append("h4").text(`Kept by keep.images (${whole(kept.length)})`);
    table(made.append("div"), {
      title: `Kept by keep.images of ${where}`,
      things: "kept images",
      thing: "image",
      rows: kept,
      columns: [name("Kept", (one) => one.target, "long"), name("Reason", (one) => one.reason, "long")],
    });
  }

  // ---- another report beside this one

  function sinceTheLastRun() {
    const previous = read("previous");
    if (previous === null) {
      return;
    }
    const made = section("Since the last run", `Compared with the ${previous.mode} of ${previous.generated}, whose report was in the same directory.`);
    try {
      compare(made.append("div"), previous);
    } catch (error) {
      made.append("p").attr("class", "note").text(`The earlier report cannot be compared: ${error.message}`);
    }
  }

  function comparison() {
    const made = section("Compare", "Choose the report.json of another run, such as that of yesterday. It stays in this browser.");
    const label = made.append("label");
    label.append("span").text("Another report.json");
    const input = label.append("input").attr("type", "file").attr("accept", ".json,application/json");
    const told = made.append("p").attr("role", "status");
    const found = made.append("div");
    input.on("change", async () => {
      found.selectAll("*").remove();
      const [file] = input.property("files");
      if (!file) {
        return;
      }
      try {
        const other = JSON.parse(await file.text());
        if (other.schema !== report.schema || other.schema_version !== report.schema_version) {
          throw new Error(`it is no report of the schema ${report.schema}, version ${report.schema_version}`);
        }
        told.text(`${file.name}: ${other.mode} of ${other.generated}`);
        compare(found, other);
      } catch (error) {
        told.text(`${file.name} cannot be compared: ${error.message}`);
      }
    });
  }

  function compare(made, other) {
    const then = other.hosts.map(rowOf);
    const sums = [
      ["Hosts", (all) => all.length, whole],
      ["Failed hosts", (all) => all.filter((row) => row.host.failed).length, whole],
      ["Images", (all) => d3.sum(all, (row) => row.images), whole],
      ["Space used", (all) => d3.sum(all, (row) => row.used), size],
      ["Reclaimable", (all) => d3.sum(all, (row) => row.reclaimable), size],
      ["Freed, or to be freed", (all) => d3.sum(all, (row) => row.frees), size],
    ].map(([title, sum, show]) => ({ title, show, then: sum(then), now: sum(rows) }));
    table(made.append("div"), {
      title: "The fleet then and now",
      things: "numbers",
      thing: "number",
      rows: sums,
      columns: [
        name("Figure", (sum) => sum.title),
        { ...number(other.generated, (sum) => sum.then), show: (sum) => sum.show(sum.then) },
        { ...number(report.generated, (sum) => sum.now), show: (sum) => sum.show(sum.now) },
        { ...number("Difference", (sum) => sum.now - sum.then), show: (sum) => difference(sum.now - sum.then, sum.show) },
      ],
    });
    const pairs = paired(then).filter(differs);
    made.append("h3").text(`Hosts that differ (${whole(pairs.length)})`);
    if (!pairs.length) {
      return;
    }
    table(made.append("div"), {
      title: "Hosts that differ",
      things: "hosts",
      thing: "host",
      first: 15,
      rows: pairs,
      sort: "Used more",
      descending: true,
      columns: [
        name("Host", (pair) => pair.name),
        text("Status then", (pair) => (pair.then ? pair.then.status : "not there")),
        text("Status now", (pair) => (pair.now ? pair.now.status : "not there")),
        change("Used more", (pair) => pair.used, size),
        change("Reclaimable more", (pair) => pair.reclaimable, size),
        change("Images more", (pair) => pair.images, whole),
        name("Message now", (pair) => (pair.now ? pair.now.host.message : ""), "long"),
      ],
    });
  }

  function change(title, value, show) {
    return number(title, value, (amount) => difference(amount, show));
  }

  function paired(then) {
    const [before, after] = [then, rows].map((all) => new Map(all.map((row) => [row.name, row])));
    const all = new Set([...after.keys(), ...before.keys()]);
    return Array.from(all, (host) => {
      const [was, is] = [before.get(host), after.get(host)];
      const more = (key) => (is && was && is[key] !== null && was[key] !== null ? is[key] - was[key] : null);
      return { name: host, then: was, now: is, used: more("used"), reclaimable: more("reclaimable"), images: more("images") };
    });
  }

  function differs(pair) {
    return !pair.then || !pair.now || pair.then.status !== pair.now.status || Boolean(pair.used || pair.images || pair.reclaimable);
  }

  overview();
  failures();
  chart();
  sinceTheLastRun();
  hosts();
  rules();
  shared();
  keptByList();
  comparison();
})();
