"use strict";

// Starts Swagger UI with the document that the page names.
(function () {
  const element = document.getElementById("swagger-ui");
  window.SwaggerUIBundle({
    url: element.dataset.specUrl,
    domNode: element,
    deepLinking: true,
  });
})();
