{{/* The Pod of one slot: (dict "root" $ "slot" "blue" "settings" .Values.api.blueGreen.slots.blue) */}}
{{- define "takings.apiPodSpec" -}}
{{- $api := .root.Values.api }}
{{- $image := merge (dict "tag" .settings.image.tag "digest" .settings.image.digest) $api.image -}}
serviceAccountName: {{ include "takings.serviceAccountName" (dict "root" .root "component" "api" "settings" $api.serviceAccount) }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ $api.lifecycle.terminationGracePeriodSeconds }}
{{ include "takings.placement" (dict "root" .root "settings" $api) }}
topologySpreadConstraints:
  {{- $labels := include "takings.slotLabels" (dict "root" .root "slot" .slot) }}
  {{- include "takings.spread" (dict "settings" $api "labels" $labels) | trim | nindent 2 }}
securityContext:
  {{- include "takings.podSecurityContext" .root | nindent 2 }}
containers:
  - name: api
    image: {{ include "takings.image" (dict "root" .root "image" $image) }}
    imagePullPolicy: {{ $api.image.pullPolicy }}
    env:
      {{- include "takings.apiEnv" . | nindent 6 }}
      {{- with $api.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      - name: http
        containerPort: 8080
      - name: admin
        containerPort: 9090
    {{- include "takings.probes" .root | nindent 4 }}
    lifecycle:
      preStop:
        sleep:
          seconds: {{ $api.lifecycle.preStopSleepSeconds }}
    resources:
      {{- toYaml $api.resources | nindent 6 }}
    securityContext:
      {{- include "takings.containerSecurityContext" .root | nindent 6 }}
    volumeMounts:
      {{- include "takings.databaseMount" "database" | nindent 6 }}
      {{- if $api.uploads.existingSecret }}
      {{- include "takings.databaseMount" "uploads" | nindent 6 }}
      {{- end }}
      {{- if $api.importFolder.volume }}
      - name: import-folder
        mountPath: /var/lib/takings/import
        readOnly: true
      {{- end }}
volumes:
  {{- include "takings.databaseVolume" (dict "name" "database" "secret" .root.Values.database) | nindent 2 }}
  {{- if $api.uploads.existingSecret }}
  {{- include "takings.databaseVolume" (dict "name" "uploads" "secret" $api.uploads) | nindent 2 }}
  {{- end }}
  {{- with $api.importFolder.volume }}
  - name: import-folder
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "takings.apiEnv" -}}
{{- $api := .root.Values.api -}}
- name: TAKINGS_LOG
  value: {{ $api.logLevel | quote }}
- name: TAKINGS_LISTEN
  value: 0.0.0.0:8080
- name: TAKINGS_ADMIN_LISTEN
  value: 0.0.0.0:9090
- name: TAKINGS_SHUTDOWN_TIMEOUT
  value: {{ $api.lifecycle.shutdownTimeoutSeconds | quote }}
{{ include "takings.databaseEnv" .root.Values.database }}
{{- if $api.uploads.existingSecret }}
- name: TAKINGS_IMPORT_DATABASE_URL_FILE
  value: /etc/takings/uploads/url
{{- end }}
{{- if $api.importFolder.volume }}
- name: TAKINGS_IMPORT_FOLDER
  value: /var/lib/takings/import
{{- end }}
{{- end }}
