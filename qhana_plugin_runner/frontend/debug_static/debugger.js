/*
 * Copyright 2026 QHAna plugin runner contributors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A host for one micro frontend: embeds it like the QHAna UI does, logs the messages of
 * both sides and sends any message.
 */
(function () {
    "use strict";

    const MIN_HEIGHT = 20;
    const START_HEIGHT = 100;

    const byId = (id) => document.getElementById(id);
    const frame = byId("frame");

    const TEMPLATES = {
        "load-css": () => ({
            type: "load-css",
            urls: [new URL(byId("css-url").value, document.baseURI).href],
        }),
        "plugin-context": () => ({
            type: "plugin-context", experimentId: "1", location: "workspace",
        }),
        "data-url-response": () => answerData("data"),
        "plugin-url-response": () => answerPlugin("plugin"),
        "autofill-response (JSON)": () => ({
            type: "autofill-response",
            value: JSON.stringify({inputStr: "some text"}),
            encoding: "application/json",
        }),
        "autofill-response (form)": () => ({
            type: "autofill-response",
            value: "inputStr=some+text",
            encoding: "application/x-www-form-urlencoded",
        }),
        "ui-prevent-submit": () => "ui-prevent-submit",
        "ui-allow-submit": () => "ui-allow-submit",
        "ui-submit-status": () => "ui-submit-status",
        "implementations-response": () => ({
            type: "implementations-response",
            implementations: [
                {name: "circuit", download: byId("data-url").value, version: "1", type: "qasm"},
            ],
        }),
    };

    let expectedOrigin = null;

    function answerData(inputKey) {
        return {
            type: "data-url-response",
            inputKey: inputKey,
            href: byId("data-url").value,
            dataType: "entity/list",
            contentType: "text/csv",
            filename: "example.csv",
            version: 1,
        };
    }

    function answerPlugin(inputKey) {
        return {
            type: "plugin-url-response",
            inputKey: inputKey,
            pluginUrl: byId("plugin-url").value,
            pluginName: "example",
            pluginVersion: "v1.0.0",
        };
    }

    function log(direction, message, origin) {
        const type = typeof message === "string" ? message : message?.type ?? "(no type)";
        const entry = document.createElement("li");
        entry.className = `message message-${direction}`;
        const head = document.createElement("p");
        const arrow = direction === "in" ? "from the micro frontend" : "to the micro frontend";
        const time = new Date().toISOString().slice(11, 23);
        const name = document.createElement("strong");
        name.textContent = type;
        head.append(`${time} ${arrow}: `, name, origin ? ` (origin ${origin})` : "");
        entry.append(head);
        if (typeof message !== "string") {
            const payload = document.createElement("pre");
            payload.textContent = JSON.stringify(message, null, 2);
            entry.append(payload);
        }
        byId("log").append(entry);
        entry.scrollIntoView?.({block: "nearest"});
    }

    function setStatus(text, isBusy) {
        byId("loading").textContent = text;
        byId("loading").classList.toggle("busy", isBusy);
    }

    function send(message) {
        if (expectedOrigin == null) {
            return;
        }
        frame.contentWindow.postMessage(message, expectedOrigin);
        log("out", message);
    }

    function load(url) {
        const absolute = new URL(url, document.baseURI);
        if (!/^https?:$/.test(absolute.protocol)) {
            setStatus("only http(s) URLs can be loaded", false);
            return;
        }
        expectedOrigin = absolute.origin;
        frame.height = START_HEIGHT;
        frame.src = absolute.href;
        setStatus("loading", true);
    }

    function resize(message) {
        const height = Math.max(message.height ?? START_HEIGHT, MIN_HEIGHT);
        const target = message.targetHeight;
        if (target === "full") {
            frame.height = Math.max(window.innerHeight - 100, height);
        } else if (typeof target === "number" && target > MIN_HEIGHT) {
            frame.height = Math.min(Math.max(height, target), 2 * target);
        } else {
            frame.height = height;
        }
    }

    const REACTIONS = {
        "ui-loaded": () => {
            setStatus("loaded", false);
            if (byId("answer-loaded").checked) {
                send(TEMPLATES["load-css"]());
                send(TEMPLATES["plugin-context"]());
            }
        },
        "ui-loading": () => setStatus("loading", true),
        "form-submit": (message) => setStatus(
            message.resultUrl ? `submitted: ${message.resultUrl}` : "submit prevented", false
        ),
        "form-error": (message) => setStatus(
            `error: ${message.error?.code} ${message.error?.status}`, false
        ),
        "ui-resize": (message) => {
            if (byId("apply-height").checked) {
                resize(message);
            }
        },
        "request-data-url": answerDataRequest,
        "request-related-data-url": answerDataRequest,
        "request-data-url-info": (message) => {
            if (byId("answer-data").checked) {
                send({...answerData(message.inputKey), href: message.dataUrl});
            }
        },
        "request-plugin-url": (message) => {
            if (byId("answer-data").checked) {
                send(answerPlugin(message.inputKey));
            }
        },
        "request-plugin-url-info": (message) => {
            if (byId("answer-data").checked) {
                send({...answerPlugin(message.inputKey), pluginUrl: message.pluginUrl});
            }
        },
    };

    function answerDataRequest(message) {
        if (byId("answer-data").checked) {
            send(answerData(message.inputKey));
        }
    }

    window.addEventListener("message", (event) => {
        if (event.source !== frame.contentWindow) {
            return;
        }
        if (event.origin !== expectedOrigin) {
            log("in", event.data, event.origin);
            setStatus(`a message of ${event.origin} was ignored (redirected?)`, false);
            return;
        }
        log("in", event.data);
        const type = typeof event.data === "string" ? event.data : event.data?.type;
        REACTIONS[type]?.(event.data);
    });

    byId("route").addEventListener("change", () => {
        const path = byId("route").value;
        byId("url").value = path;
        if (path && !path.includes("<")) {
            byId("load-form").requestSubmit();
        } else {
            byId("url").focus(); // the variable parts have to be filled in
        }
    });

    byId("load-form").addEventListener("submit", (event) => {
        event.preventDefault();
        load(byId("url").value);
    });

    byId("template").append(...Object.keys(TEMPLATES).map((name) => new Option(name)));
    function showTemplate() {
        const message = TEMPLATES[byId("template").value]();
        byId("payload").value = JSON.stringify(message, null, 2);
    }
    byId("template").addEventListener("change", showTemplate);
    showTemplate();

    byId("send-form").addEventListener("submit", (event) => {
        event.preventDefault();
        byId("payload-error").textContent = "";
        let message;
        try {
            message = JSON.parse(byId("payload").value);
        } catch (error) {
            byId("payload-error").textContent = `This is no JSON: ${error.message}`;
            return;
        }
        if (expectedOrigin == null) {
            byId("payload-error").textContent = "Load a micro frontend first.";
            return;
        }
        send(message);
    });

    byId("clear").addEventListener("click", () => byId("log").replaceChildren());

    const wanted = new URLSearchParams(window.location.search).get("url");
    if (wanted && /^(https?:|\/)/.test(wanted)) {
        byId("url").value = wanted;
        load(wanted);
    }
})();
