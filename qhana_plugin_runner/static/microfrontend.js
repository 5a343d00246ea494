/*
 * Copyright 2026 QHAna plugin runner contributors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Connects a micro frontend with the host that shows it in an iframe.
 *
 * A classic script: scripts of plugins use the functions and the state object
 * `window._qhana_microfrontend_state` that the last lines export. All other names stay
 * inside the function below, because plugins declare globals of their own. Without a
 * host (not framed) nothing runs, and forms submit natively.
 */
(function () {
    "use strict";

    const URLENCODED = "application/x-www-form-urlencoded";
    const PRIVATE_SELECTOR = "[data-private], input[type=password]";
    const CENSORED = "***";
    const POLL_INTERVAL_MS = 50;
    const MAX_UNCHANGED_ROUNDS = 60;
    const MAX_IDLE_WAIT_MS = 250;

    const allowedEmbedders = (
        document.querySelector("meta[name=qhana-allowed-embedders]")?.content ?? ""
    ).split(/\s+/).filter(Boolean);

    /** Names of inputs that were private at any time; autofill leaves them alone. */
    const privateNames = new Set();
    const formsWithSubmitListener = new WeakSet();
    const formsWithButtons = new WeakSet();

    let hostOrigin = null; // origin of the first accepted message

    function resolveUrl(url) {
        try {
            return new URL(url, document.baseURI);
        } catch {
            return null;
        }
    }

    function currentState() {
        return window._qhana_microfrontend_state ?? null;
    }

    // -- talking to the host ----------------------------------------------------------

    function isAllowedEmbedder(origin) {
        return allowedEmbedders.length === 0 || allowedEmbedders.includes(origin);
    }

    function isWebOrigin(origin) {
        return /^https?:\/\//.test(origin ?? "");
    }

    function getTargetOrigins() {
        if (hostOrigin != null) {
            return [hostOrigin];
        }
        const parentOrigin = window.opener ? null : window.location.ancestorOrigins?.[0];
        if (isWebOrigin(parentOrigin) && isAllowedEmbedder(parentOrigin)) {
            return [parentOrigin];
        }
        return allowedEmbedders.length > 0 ? allowedEmbedders : ["*"];
    }

    function sendMessage(message) {
        const host = window.opener || window.parent;
        getTargetOrigins().forEach((origin) => host.postMessage(message, origin));
    }

    function isFromHost(event) {
        const isHost = event.source != null
            && (event.source === window.parent || event.source === window.opener);
        return isHost && isAllowedEmbedder(event.origin);
    }

    function sendSubmitStatus() {
        sendMessage({
            type: "ui-submit-status",
            isAllowedToSubmit: !currentState()?.preventSubmit,
        });
    }

    function setPreventSubmit(preventSubmit) {
        const state = currentState();
        if (state != null) {
            state.preventSubmit = preventSubmit;
        }
        sendSubmitStatus();
    }

    const messageHandlers = new Map([
        ["ui-prevent-submit", () => setPreventSubmit(true)],
        ["ui-allow-submit", () => setPreventSubmit(false)],
        ["ui-submit-status", () => sendSubmitStatus()],
        ["load-css", onLoadCssMessage],
        ["data-url-response", onDataUrlResponseMessage],
        ["plugin-url-response", onPluginUrlResponseMessage],
        ["autofill-response", onAutoFillResponse],
        ["plugin-context", onPluginContextUpdate],
    ]);

    function onMessage(event) {
        if (!isFromHost(event)) {
            return;
        }
        if (hostOrigin == null && isWebOrigin(event.origin)) {
            hostOrigin = event.origin;
        }
        const state = currentState();
        if (state?.messageHandler?.(event)) {
            return; // a script of the plugin has taken care of it
        }
        const data = event.data;
        const type = typeof data === "string" ? data : data?.type;
        messageHandlers.get(type)?.(data, state);
    }

    function registerMessageListener() {
        window.addEventListener("message", onMessage);
    }

    function notifyParentWindowOnLoad() {
        sendMessage("ui-loaded");
    }

    // -- height -----------------------------------------------------------------------

    let pollTimer = null;
    let bodyObserver = null;
    let knownContentHeight = 0;
    let shrunk = null; // height of the frame when its content became smaller

    function getContentHeight() {
        // Other than scrollHeight this may be less than the height of the frame.
        const box = document.documentElement.getBoundingClientRect();
        return Math.max(document.body?.scrollHeight ?? 0, Math.ceil(box.height));
    }

    function getMicrofrontendHeight() {
        const scrollHeight = Math.max(
            document.body?.scrollHeight ?? 0, document.documentElement.scrollHeight
        );
        if (shrunk != null && shrunk === window.innerHeight && scrollHeight <= shrunk) {
            return getContentHeight();
        }
        shrunk = null;
        return scrollHeight;
    }

    function getMicrofrontendWidth() {
        return Math.max(
            document.body?.scrollWidth ?? 0, document.documentElement.scrollWidth
        );
    }

    function sendHeight(height, targetHeight) {
        const message = {type: "ui-resize", height: height};
        if (targetHeight != null) {
            message.targetHeight = targetHeight;
        }
        sendMessage(message);
    }

    function notifyParentWindowOnHeightChange(lastHeight = 0, targetHeight = undefined) {
        const height = getMicrofrontendHeight();
        if (height !== lastHeight) {
            sendHeight(height, targetHeight);
        }
        return height;
    }

    function measureHeight(state) {
        const height = getMicrofrontendHeight();
        if (height !== state.height) {
            state.height = height;
            state.heightUnchangedCount = 0;
            sendHeight(height, state.targetHeight);
        } else {
            state.heightUnchangedCount += 1;
        }
    }

    function onBodyResize(state) {
        const content = getContentHeight();
        if (content < knownContentHeight) {
            shrunk = window.innerHeight;
        }
        knownContentHeight = content;
        measureHeight(state);
    }

    function observeBody(state) {
        if (bodyObserver != null || document.body == null || !window.ResizeObserver) {
            return;
        }
        bodyObserver = new ResizeObserver(() => onBodyResize(state));
        bodyObserver.observe(document.body);
        // Runs before the observer: content that follows the height of the frame does
        // not count as having become smaller, or both would shrink each other.
        window.addEventListener("resize", () => {
            knownContentHeight = getContentHeight();
        });
    }

    /** Report the height now, for the next seconds, and whenever the body resizes. */
    function monitorHeightChanges(state) {
        if (state == null) {
            return;
        }
        observeBody(state);
        window.clearTimeout(pollTimer);
        measureHeight(state);
        if (state.heightUnchangedCount <= MAX_UNCHANGED_ROUNDS) {
            pollTimer = window.setTimeout(monitorHeightChanges, POLL_INTERVAL_MS, state);
        }
    }

    // -- messages of the host ---------------------------------------------------------

    function whenBodyExists(callback) {
        if (document.body != null) {
            callback();
        } else {
            document.addEventListener("DOMContentLoaded", callback, {once: true});
        }
    }

    function onLoadCssMessage(data, state = currentState()) {
        for (const url of data.urls ?? []) {
            const resolved = resolveUrl(url);
            if (isWebOrigin(resolved?.href)) {
                const link = document.createElement("link");
                link.rel = "stylesheet";
                link.href = resolved.href;
                document.head.appendChild(link);
            }
        }
        whenBodyExists(() => {
            document.body.style.background = "transparent";
            if (state != null) {
                state.heightUnchangedCount = 0;
                monitorHeightChanges(state);
            }
        });
    }

    function onPluginContextUpdate(data, state = currentState()) {
        if (state != null) {
            const {type, ...context} = data;
            state.pluginContext = context;
        }
    }

    function getPluginContext() {
        return {...currentState()?.pluginContext};
    }

    /** Tell listeners of the control; plugins redraw even if the value is the same. */
    function dispatchChange(control) {
        control.dispatchEvent(new InputEvent("input", {data: control.value}));
        control.dispatchEvent(new InputEvent("change", {data: control.value}));
    }

    function setInputValue(inputKey, value) {
        const input = document.getElementById(inputKey);
        if (input instanceof HTMLInputElement) {
            input.value = value;
            dispatchChange(input);
        }
    }

    function showHint(className, inputKey, text) {
        const key = CSS.escape(inputKey);
        document.querySelectorAll(`.${className}[data-input-id="${key}"]`).forEach((span) => {
            const hint = span.parentElement;
            hint.setAttribute("aria-live", "polite");
            hint.hidden = false;
            span.textContent = text;
        });
        monitorHeightChanges(currentState());
    }

    function onDataUrlResponseMessage(data) {
        setInputValue(data.inputKey, data.href);
        const version = data.version === 0 ? 0 : data.version || "?";
        const name = `${data.filename || "unknown"} (v${version})`;
        const types = `${data.dataType || "*"} – ${data.contentType || "*"}`;
        showHint("selected-file-name", data.inputKey, `${name} ${types}`);
    }

    function onPluginUrlResponseMessage(data) {
        setInputValue(data.inputKey, data.pluginUrl);
        const text = `${data.pluginName || "unknown"} (${data.pluginVersion || "?"})`;
        showHint("selected-plugin-name", data.inputKey, text);
    }

    // -- autofill ---------------------------------------------------------------------

    function parseAutofill(data) {
        const values = new Map();
        if (data.encoding === "application/json") {
            let parsed = data.value;
            try {
                parsed = typeof parsed === "string" ? JSON.parse(parsed) : parsed;
            } catch {
                return values;
            }
            if (parsed != null && typeof parsed === "object" && !Array.isArray(parsed)) {
                Object.entries(parsed).forEach(([key, value]) => values.set(key, value));
            }
        } else if (data.encoding === URLENCODED) {
            const params = new URLSearchParams(data.value);
            for (const key of new Set(params.keys())) {
                const all = params.getAll(key);
                values.set(key, all.length > 1 ? all : all[0]);
            }
        }
        return values;
    }

    /** The controls an autofill may write to, in the order in which they are tried. */
    function getFillableControls() {
        return ["input", "textarea", "select"]
            .flatMap((tag) => [...document.querySelectorAll(`${tag}[name]`)])
            .filter((control) => !control.matches(`${PRIVATE_SELECTOR}, [type=file]`))
            .filter((control) => !privateNames.has(control.name));
    }

    function tick(box, checked, always) {
        if (always || box.checked !== checked) {
            box.checked = checked;
            dispatchChange(box);
        }
    }

    function fillChoices(boxes, value) {
        const values = [value].flat().map(String);
        const isGroup = boxes.length > 1;
        for (const box of boxes) {
            const isOn = box.type === "checkbox" && !isGroup
                && (values.includes("on") || values.includes("true"));
            tick(box, isOn || values.includes(box.value), !isGroup);
        }
    }

    function toText(value) {
        if (value == null) {
            return "";
        }
        const isRecord = typeof value === "object" && !Array.isArray(value);
        return isRecord ? JSON.stringify(value) : String(value);
    }

    function fillControl(control, value) {
        if (control instanceof HTMLSelectElement && control.multiple) {
            const values = [value].flat().map(String);
            for (const option of control.options) {
                option.selected = values.includes(option.value);
            }
        } else {
            control.value = toText(value);
        }
        dispatchChange(control);
        whenIdle(() => requestInfo(control));
    }

    /** Run soon, but after what is urgent; a busy page has no idle time, so not only then. */
    function whenIdle(callback) {
        if (window.requestIdleCallback) {
            window.requestIdleCallback(callback, {timeout: MAX_IDLE_WAIT_MS});
        } else {
            window.setTimeout(callback, 1);
        }
    }

    function onAutoFillResponse(data) {
        const values = parseAutofill(data);
        const controls = getFillableControls();
        const filledForms = new Set();
        values.forEach((value, name) => {
            const matching = controls.filter((control) => control.name === name);
            if (matching.length === 0) {
                return;
            }
            const first = matching[0];
            filledForms.add(first.form);
            if (first.type === "checkbox" || first.type === "radio") {
                fillChoices(matching.filter((c) => c.type === first.type), value);
            } else {
                fillControl(first, value);
            }
        });
        // A form leaves out boxes that are not ticked, so what is missing is unticked.
        for (const box of controls) {
            const isMissing = box.type === "checkbox" && !values.has(box.name);
            if (isMissing && !box.disabled && box.form && filledForms.has(box.form)) {
                tick(box, false, false);
            }
        }
    }

    // -- forms ------------------------------------------------------------------------

    function requestInfo(control) {
        const kind = control.getAttribute("data-input-type");
        if (!control.value) {
            return;
        }
        if (kind === "data") {
            sendMessage({
                type: "request-data-url-info",
                inputKey: control.id,
                dataUrl: control.value,
            });
        } else if (kind === "plugin") {
            sendMessage({
                type: "request-plugin-url-info",
                inputKey: control.id,
                pluginUrl: control.value,
            });
        }
    }

    function collectPrivateNames(form, names) {
        document.querySelectorAll(PRIVATE_SELECTOR).forEach((control) => {
            if (control.name && (control.form === form || form.contains(control))) {
                names.add(control.name);
                privateNames.add(control.name);
            }
        });
    }

    function splitList(text) {
        return (text ?? "").split(/\s+/).filter(Boolean);
    }

    function onClick(button, send) {
        button.hidden = false;
        button.addEventListener("click", (event) => {
            event.preventDefault();
            send();
        });
    }

    function getInputValue(id) {
        return document.getElementById(id ?? "")?.value || null;
    }

    function requestDataUrl(button) {
        const contentTypes = splitList(button.getAttribute("data-content-type"));
        sendMessage({
            type: "request-data-url",
            inputKey: button.getAttribute("data-input-id"),
            acceptedInputType: button.getAttribute("data-input") ?? "*",
            acceptedContentTypes: contentTypes.length > 0 ? contentTypes : ["*"],
        });
    }

    function requestRelatedDataUrl(button) {
        const dataUrl = getInputValue(button.getAttribute("data-related-input-id"));
        if (dataUrl == null) {
            return;
        }
        const message = {
            type: "request-related-data-url",
            inputKey: button.getAttribute("data-input-id"),
            dataUrl: dataUrl,
            relation: button.getAttribute("data-relation"),
            userInteraction: true,
        };
        const includeSelf = button.getAttribute("data-include-self") ?? "";
        if (!["", "false", "0", "no"].includes(includeSelf.toLowerCase())) {
            message.includeSelf = true;
        }
        if (button.hasAttribute("data-input")) {
            message.acceptedInputType = button.getAttribute("data-input");
        }
        const contentTypes = splitList(button.getAttribute("data-content-type"));
        if (contentTypes.length === 1) {
            message.acceptedContentType = contentTypes[0];
        }
        sendMessage(message);
    }

    function requestDataPreview(button) {
        const dataUrl = getInputValue(button.getAttribute("data-input-id"));
        if (dataUrl != null) {
            sendMessage({type: "request-data-preview", dataUrl: dataUrl});
        }
    }

    function requestPluginUrl(button) {
        const message = {
            type: "request-plugin-url",
            inputKey: button.getAttribute("data-input-id"),
            pluginTags: splitList(button.getAttribute("data-plugin-tags")),
        };
        const name = button.getAttribute("data-plugin-name");
        const version = button.getAttribute("data-plugin-version");
        if (name) {
            message.pluginName = name;
        }
        if (version) {
            message.pluginVersion = version;
        }
        sendMessage(message);
    }

    function connectDataInput(form, input) {
        const id = CSS.escape(input.id);
        const related = form.querySelectorAll(
            `button.qhana-choose-file-button.related[data-related-input-id="${id}"]`
        );
        const update = () => related.forEach((button) => {
            button.disabled = !input.value;
        });
        input.addEventListener("change", update);
        if (input.value) {
            update();
        }
    }

    function connectButtons(form) {
        const connect = (selector, send) => form.querySelectorAll(selector).forEach(
            (button) => onClick(button, () => send(button))
        );
        form.querySelectorAll("input[data-input-type=data]").forEach((input) => {
            requestInfo(input);
            connectDataInput(form, input);
        });
        form.querySelectorAll("input[data-input-type=plugin]").forEach(requestInfo);
        connect("button.qhana-choose-file-button:not(.related)", requestDataUrl);
        connect("button.qhana-choose-file-button.related", requestRelatedDataUrl);
        connect("button.qhana-show-preview-button", requestDataPreview);
        connect("button.qhana-choose-plugin-button", requestPluginUrl);
    }

    /** Tie descriptions and errors to their controls for assistive technology. */
    function describeControls(form) {
        form.querySelectorAll(".qhana-input-description[id$=-description]").forEach((text) => {
            const control = document.getElementById(text.id.replace(/-description$/, ""));
            if (control == null) {
                return;
            }
            if (!control.hasAttribute("aria-describedby")) {
                control.setAttribute("aria-describedby", text.id);
            }
            if (text.querySelector(".qhana-error-message") != null) {
                control.setAttribute("aria-invalid", "true");
            }
        });
    }

    function instrumentForm(hasParent) {
        document.querySelectorAll("form.qhana-form").forEach((form) => {
            if (!formsWithSubmitListener.has(form)) {
                formsWithSubmitListener.add(form);
                const dataInputs = new Set();
                const privateInputs = new Set();
                collectPrivateNames(form, privateInputs);
                form.querySelectorAll("input[data-input-type=data]").forEach((input) => {
                    dataInputs.add(input.name);
                });
                form.addEventListener("submit", (event) => {
                    onFormSubmit(event, dataInputs, privateInputs);
                });
            }
            if (hasParent && !formsWithButtons.has(form)) {
                formsWithButtons.add(form);
                describeControls(form);
                connectButtons(form);
            }
        });
    }

    // -- submitting -------------------------------------------------------------------

    /** What the host may keep: no private values, no content of files. */
    function censorFormData(formData, privateInputs) {
        const censored = new URLSearchParams();
        formData.forEach((value, name) => {
            if (privateInputs.has(name)) {
                censored.append(name, CENSORED);
            } else if (value instanceof File) {
                censored.append(name, `Uploaded file: ${value.name}`);
            } else {
                censored.append(name, value);
            }
        });
        return censored;
    }

    function getDataUrls(formData, dataInputs, privateInputs) {
        const urls = new Set();
        formData.forEach((value, name) => {
            const isPublic = dataInputs.has(name) && !privateInputs.has(name);
            if (isPublic && typeof value === "string" && value !== "") {
                urls.add(value);
            }
        });
        return [...urls];
    }

    function submitFormData(formData, formAction, formMethod) {
        if (formMethod?.toLowerCase() !== "get") {
            return fetch(formAction.toString(), {
                method: formMethod ?? "post",
                body: formData,
            });
        }
        // A copy: the caller's URL may be shown or recorded and must not carry values.
        const url = new URL(formAction, document.baseURI);
        formData.forEach((value, name) => {
            url.searchParams.append(name, value instanceof File ? value.name : value);
        });
        return fetch(url.toString());
    }

    async function readJson(response) {
        try {
            return await response.json();
        } catch {
            return null; // no JSON, or the connection broke
        }
    }

    function isTaskResult(body) {
        return typeof body?.status === "string"
            && (Array.isArray(body.outputs) || typeof body.log === "string");
    }

    function sendFormError(form, status, reason, body) {
        const isRecord = body != null && typeof body === "object" && !Array.isArray(body);
        const error = isRecord ? {...body} : {};
        if (typeof error.code !== "number") {
            error.code = status;
        }
        if (typeof error.status !== "string" || error.status === "") {
            error.status = reason;
        }
        sendMessage({type: "form-error", status: status, error: error});
        showFieldErrors(form, error.errors?.form);
    }

    function showFieldErrors(form, errors) {
        form.querySelectorAll(".qhana-error-message[data-from-submit]").forEach((old) => {
            old.remove();
        });
        if (errors == null || typeof errors !== "object") {
            return;
        }
        const controls = [...form.querySelectorAll("[name]")];
        for (const [name, messages] of Object.entries(errors)) {
            const control = controls.find((c) => c.getAttribute("name") === name);
            const description = control?.closest(".qhana-form-field")
                ?.querySelector(".qhana-input-description");
            if (description == null) {
                continue;
            }
            control.setAttribute("aria-invalid", "true");
            const paragraph = document.createElement("p");
            paragraph.className = "qhana-error-message";
            paragraph.setAttribute("data-from-submit", "");
            paragraph.setAttribute("role", "alert");
            paragraph.textContent = [messages].flat().map(toText).join(" ");
            description.insertBefore(paragraph, description.firstElementChild);
        }
        monitorHeightChanges(currentState());
    }

    async function submitToApi(form, submission, record) {
        let response;
        try {
            response = await submitFormData(
                submission.formData, new URL(submission.action, document.baseURI),
                submission.method
            );
        } catch (error) {
            sendFormError(form, 500, "Network Error", {message: String(error)});
            return;
        }
        const body = response.status === 200 ? null : await readJson(response);
        if (response.status === 200 || (response.ok && isTaskResult(body))) {
            sendMessage({...record, resultUrl: response.url});
        } else {
            const reason = response.statusText || `HTTP ${response.status}`;
            sendFormError(form, response.status, reason, body);
        }
    }

    function describeSubmission(form, submitter) {
        // Attributes, because a control named "action" or "method" hides the property.
        const read = (own, inherited) => submitter?.getAttribute(own)
            || form.getAttribute(inherited);
        return {
            target: read("data-target", "data-target"),
            action: read("formaction", "action") || window.location.href,
            method: (read("formmethod", "method") || "post").toLowerCase(),
        };
    }

    function onFormSubmit(event, dataInputs, privateInputs) {
        const form = event.target;
        const state = currentState();
        collectPrivateNames(form, privateInputs);
        if (state?.formSubmitHandler?.(event, dataInputs, privateInputs)) {
            return; // a script of the plugin has taken care of it
        }
        const submission = describeSubmission(form, event.submitter);
        if (submission.target === "microfrontend" && submission.method !== "dialog") {
            sendMessage("ui-loading");
            return; // the browser posts the form and shows the answer
        }
        if (submission.target !== "api" || submission.method === "dialog") {
            return; // the business of the plugin
        }
        event.preventDefault();
        submission.formData = new FormData(form);
        const record = {
            type: "form-submit",
            formData: censorFormData(submission.formData, privateInputs).toString(),
            formDataType: URLENCODED,
            dataInputs: getDataUrls(submission.formData, dataInputs, privateInputs),
            submitUrl: resolveUrl(submission.action)?.href ?? submission.action,
        };
        if (state?.preventSubmit) {
            sendMessage(record);
            return;
        }
        sendMessage("ui-loading");
        submitToApi(form, submission, record);
    }

    // -- start ------------------------------------------------------------------------

    Object.assign(window, {
        getMicrofrontendWidth,
        getPluginContext,
        instrumentForm,
        monitorHeightChanges,
        notifyParentWindowOnHeightChange,
        notifyParentWindowOnLoad,
        onAutoFillResponse,
        onDataUrlResponseMessage,
        onFormSubmit,
        onLoadCssMessage,
        onPluginContextUpdate,
        onPluginUrlResponseMessage,
        registerMessageListener,
        sendMessage,
        sendSubmitStatus,
        submitFormData,
    });

    if (window.top !== window.self && window._qhana_microfrontend_state == null) {
        window._qhana_microfrontend_state = {
            href: window.location.href,
            lastHeight: 0,
            heightUnchangedCount: 0,
            preventSubmit: false,
            formSubmitHandler: null,
        };
        instrumentForm(true);
        registerMessageListener();
        notifyParentWindowOnLoad();
        notifyParentWindowOnHeightChange();
    }
})();
