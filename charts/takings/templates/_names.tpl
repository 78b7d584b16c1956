{{/* Names and labels. Selectors are made of labels that never change: no versions. */}}

{{- define "takings.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "takings.fullname" -}}
{{- $name := include "takings.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "component" "api") */}}
{{- define "takings.selectorLabels" -}}
app.kubernetes.io/name: {{ include "takings.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* (dict "root" $ "component" "api") */}}
{{- define "takings.labels" -}}
{{ include "takings.selectorLabels" . }}
app.kubernetes.io/part-of: takings
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* One slot of the API: (dict "root" $ "slot" "blue") */}}
{{- define "takings.slotLabels" -}}
{{ include "takings.selectorLabels" (dict "root" .root "component" "api") }}
takings.dev/slot: {{ .slot }}
{{- end }}

{{/* (dict "root" $ "component" "api" "settings" .Values.api.serviceAccount) */}}
{{- define "takings.serviceAccountName" -}}
{{- if .settings.name }}
{{- .settings.name }}
{{- else if .settings.create }}
{{- printf "%s-%s" (include "takings.fullname" .root) .component }}
{{- else -}}
default
{{- end }}
{{- end }}

{{/* The whole reference: (dict "root" $ "image" .Values.operator.image) */}}
{{- define "takings.image" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry }}
{{- $repository := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") }}
{{- if .image.digest }}
{{- printf "%s@%s" $repository .image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) }}
{{- end }}
{{- end }}
