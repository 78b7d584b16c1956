{{/* The operator's settings, and those that it hands on to the importers. */}}
{{- define "takings.operatorEnv" -}}
- name: TAKINGS_LOG
  value: {{ .Values.operator.logLevel | quote }}
- name: TAKINGS_ADMIN_LISTEN
  value: 0.0.0.0:9090
- name: TAKINGS_LEASE_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: TAKINGS_LEASE_NAME
  value: {{ include "takings.fullname" . }}-operator
{{- with .Values.operator.watchNamespaces }}
- name: TAKINGS_WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
- name: TAKINGS_IMPORTER_IMAGE
  value: {{ include "takings.image" (dict "root" . "image" .Values.importer.image) }}
- name: TAKINGS_IMPORTER_IMAGE_PULL_POLICY
  value: {{ .Values.importer.image.pullPolicy }}
{{- with .Values.importer.imagePullSecrets }}
- name: TAKINGS_IMPORTER_IMAGE_PULL_SECRETS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.importer.network.allow }}
- name: TAKINGS_NETWORK_ALLOW
  value: {{ join "," . | quote }}
{{- end }}
- name: TAKINGS_ALLOW_HTTP
  value: {{ .Values.importer.allowHttp | quote }}
- name: TAKINGS_JOB_TTL_SECONDS
  value: {{ .Values.importer.jobTtlSeconds | quote }}
- name: TAKINGS_MAX_RUNNING
  value: {{ .Values.importer.maxRunning | quote }}
- name: TAKINGS_MAX_RUNNING_PER_NAMESPACE
  value: {{ .Values.importer.maxRunningPerNamespace | quote }}
{{- end }}
